-- Pay reservations from the fan's wallet: one round trip, all or none.
--
-- Answers one row a payment, already paid ones included, in the order of reservations; or one row with a
-- `refusal` and, for hold_expired and not_found, the reservations at fault. `is_new` tells whether anything was
-- paid now; `freed` lists the schedules of which nothing is left to pay, whose token has done its work.
--
-- The tables of others are changed by functions of theirs. Locks: seats by id, reservations (lock_held), the balance
-- (book_payments), and the token last.
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
    v_payments bigint[];
    v_held bigint[];
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
               array_agg(r.price) filter (where r.status = 'RESERVING') as prices,
               array_agg(r.seat) filter (where r.status = 'RESERVING') as seats,
               array_agg(distinct r.schedule) filter (where r.status = 'RESERVING') as schedules,
               array_agg(r.id) filter (where r.state = 'CANCELED') as over,
               coalesce((select b.amount from balance_of(p_fan) b), 0) as balance
          into v_bill
          from (select * from own_reservations(p_fan, p_reservations, v_at) order by id) r;
        balance := v_bill.balance;

        -- Refusals and repeats leave here, having written nothing.
        refusal := case
            when v_bill.n < cardinality(p_reservations) then 'not_found'
            when v_bill.over is not null then 'hold_expired'
            when v_bill.balance < v_bill.total then 'insufficient_balance'
        end;
        exit when refusal is not null or v_bill.unpaid = 0;

        -- Changed while we waited: look again, the answer is then exact.
        refusal := 'changed';
        continue when not lock_held(p_fan, v_bill.unpaid_ids, v_bill.seats, v_at);

        -- The ledger's lines name the payments, so these have their numbers before.
        v_payments := '{}';
        for v_nth in 1..v_bill.unpaid loop
            v_payments := v_payments || nextval('payment_id_seq');
        end loop;
        balance := book_payments(p_fan, v_payments, v_bill.prices, v_at);
        if balance is null then
            refusal := 'insufficient_balance';
            exit;
        end if;
        is_new := sell_held(v_bill.unpaid_ids, v_bill.seats, v_at);

        -- Nothing left to pay: the slot goes to the next in line. Looked at behind the locks of the balance, for
        -- another payment, and of the token, for a hold: each must be over before this looks.
        if lock_active_tokens(p_fan, v_bill.schedules) then
            v_held := array(select h.schedule from schedules_held(p_fan, v_bill.schedules, v_at) h);
            freed := end_active_tokens(p_fan, v_bill.schedules, v_held, 'PAID', v_at);
        end if;
        refusal := null;
        exit;
    end loop;

    if refusal is not null then
        at_fault := case refusal
            when 'not_found' then array(select unnest(p_reservations) except select unnest(v_bill.ids))
            when 'hold_expired' then v_bill.over end;
        return next;
        return;
    end if;
    -- What is paid now, beside what was paid before: the statement doesn't see what it writes.
    return query
    with made as (
        insert into payment as p (id, reservation_id, user_id, price, state, created_at, updated_state_at)
        select paid.id, paid.reservation, p_fan, paid.price, 'COMPLETED', v_at, v_at
          from unnest(v_payments, v_bill.unpaid_ids, v_bill.prices) as paid (id, reservation, price)
        returning p.id, p.reservation_id, p.price, p.state, p.refund_fee, p.created_at, p.updated_state_at),
    paid as (
        select * from made
        union all
        select p.id, p.reservation_id, p.price, p.state, p.refund_fee, p.created_at, p.updated_state_at
          from payment p
         where p.reservation_id = any (p_reservations) and p.user_id = p_fan)
    select null::text, null::bigint[], is_new, balance, freed,
           p.id, p.reservation_id, p.price, p.state::text, p.refund_fee, p.created_at, p.updated_state_at
      from paid p
     order by p.reservation_id;
end
$$;
