-- Pay reservations from the fan's wallet: one round trip, all or none.
--
-- Answers one row a payment, already paid ones included, in the order of reservations; or one row with a
-- `refusal` and, for hold_expired and not_found, the reservations at fault. `is_new` tells whether anything was
-- paid now; `freed` lists the schedules of which nothing is left to pay, whose token has done its work.
--
-- Locks: seats by id, reservations, balance, and the token last. The seat is the mutex of its reservation, and
-- the reservation is locked and looked at too: a fan who lost the seat and took it again while we waited
-- would otherwise pay the dead one.
create or replace function pay_reservations(p_fan bigint, p_reservations bigint[], p_now timestamptz)
returns table (
    refusal text, at_fault bigint[], is_new boolean, balance bigint, freed bigint[],
    id bigint, reservation bigint, price bigint, state text, refund_fee bigint,
    created_at timestamptz, updated_state_at timestamptz
)
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_bill record;
    v_locked int;
    v_balance record;
begin
    is_new := false;
    -- The second look is exact; more of them would mean rows that contradict each other.
    for v_look in 1..5 loop
        -- The bill: own reservations only; someone else's is simply not there. The balance comes with it: read
        -- by a statement of its own it could be what the same payment, made by another request in between, left.
        select count(*) as n,
               count(*) filter (where r.status = 'RESERVING') as unpaid,
               sum(r.price) filter (where r.status = 'RESERVING') as total,
               array_agg(r.id) as ids,
               array_agg(r.id) filter (where r.status = 'RESERVING') as unpaid_ids,
               array_agg(r.concert_seat_id) filter (where r.status = 'RESERVING') as seats,
               array_agg(distinct r.concert_schedule_id) filter (where r.status = 'RESERVING') as schedules,
               array_agg(r.id) filter (where reservation_state(r.status, r.expired_at, v_at) = 'CANCELED') as over,
               coalesce((select b.amount from balance b where b.user_id = p_fan), 0) as balance
          into v_bill
          from reservation r
         where r.id = any (p_reservations) and r.user_id = p_fan;
        balance := v_bill.balance;

        -- Refusals and repeats leave here, having written nothing.
        refusal := case
            when v_bill.n < cardinality(p_reservations) then 'not_found'
            when v_bill.over is not null then 'hold_expired'
            when v_bill.balance < v_bill.total then 'insufficient_balance'
        end;
        exit when refusal is not null or v_bill.unpaid = 0;
        refusal := 'changed';

        perform from concert_seat s
          where s.id = any (v_bill.seats) and s.user_id = p_fan and seat_is_held(s.status, s.expired_at, v_at)
          order by s.id
            for no key update;
        get diagnostics v_locked = row_count;
        if v_locked = v_bill.unpaid then
            perform from reservation r
              where r.id = any (v_bill.unpaid_ids) and r.status = 'RESERVING'
              order by r.id
                for no key update;
            get diagnostics v_locked = row_count;
        end if;
        -- Changed while we waited: look again, the answer is then exact.
        continue when v_locked < v_bill.unpaid;

        -- The money, and the fan's mutex from here on: one conditional update.
        refusal := null;
        update balance b
           set amount = b.amount - v_bill.total, last_updated_at = v_at
         where b.user_id = p_fan and b.amount >= v_bill.total
        returning b.id, b.amount into v_balance;
        if not found then
            refusal := 'insufficient_balance';
            exit;
        end if;
        balance := v_balance.amount;

        update concert_seat s
           set status = 'RESERVED', expired_at = null, reserved_at = v_at
         where s.id = any (v_bill.seats);
        update reservation r
           set status = 'RESERVED', expired_at = null, updated_state_at = v_at
         where r.id = any (v_bill.unpaid_ids);

        -- One ledger row a payment; amount_after runs from the old balance down to the new one.
        with paid as (
            insert into payment (reservation_id, user_id, price, state, created_at, updated_state_at)
            select r.id, p_fan, r.price, 'COMPLETED', v_at, v_at
              from reservation r
             where r.id = any (v_bill.unpaid_ids)
             order by r.id
            returning payment.id, payment.price)
        insert into balance_history (
            balance_id, user_id, kind, amount, amount_after, payment_id, note, created_at, updated_at)
        select v_balance.id, p_fan, 'PAYMENT', -paid.price,
               v_balance.amount + v_bill.total - sum(paid.price) over (order by paid.id), paid.id, '', v_at, v_at
          from paid
         order by paid.id;

        -- Nothing left to pay: the slot goes to the next in line. Counted behind the locks of the balance, for
        -- another payment, and of the token, for a hold: each must be over before this looks.
        perform from waiting_token t
          where t.user_id = p_fan and t.concert_schedule_id = any (v_bill.schedules)
            and t.status = 'ACTIVE'
          order by t.id
            for no key update;
        with done as (
            update waiting_token t
               set status = 'EXPIRED', expired_at = v_at, expired_reason = 'PAID'
             where t.user_id = p_fan and t.concert_schedule_id = any (v_bill.schedules)
               and t.status = 'ACTIVE'
               and not exists (
                   select from reservation r
                    where r.user_id = p_fan and r.concert_schedule_id = t.concert_schedule_id
                      and reservation_is_held(r.status, r.expired_at, v_at))
            returning t.concert_schedule_id)
        select array_agg(done.concert_schedule_id) into freed from done;
        is_new := true;
        exit;
    end loop;

    if refusal is not null then
        at_fault := case refusal
            when 'not_found' then array(select unnest(p_reservations) except select unnest(v_bill.ids))
            when 'hold_expired' then v_bill.over end;
        return next;
        return;
    end if;
    return query
    select null::text, null::bigint[], is_new, balance, freed,
           p.id, p.reservation_id, p.price, p.state::text, p.refund_fee, p.created_at, p.updated_state_at
      from payment p
     where p.reservation_id = any (p_reservations) and p.user_id = p_fan
     order by p.reservation_id;
end
$$;
