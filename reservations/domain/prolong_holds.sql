-- Hold reservations for as long as their fan is with a provider of payments: one round trip. Again: never shorter.
--
-- Until `p_seconds` from now, yet not beyond `p_most_seconds` after a seat was first held, however often it is asked
-- for: nobody keeps seats by beginning to pay again and again. What is paid is left alone. Answers what is to be paid,
-- until when all of it is held, and the booking of the first; or a `refusal` with the reservations at fault.
-- Locks: seats by id, then reservations (lock_held).
create or replace function prolong_holds(
    p_fan bigint, p_reservations bigint[], p_seconds float8, p_most_seconds float8, p_now timestamptz,
    out refusal text, out at_fault bigint[], out held bigint[], out to_pay bigint, out held_until timestamptz,
    out booking_reference text
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_bill record;
begin
    -- The second look is exact; more of them would mean rows that contradict each other.
    for v_look in 1..5 loop
        select count(*) as n,
               array_agg(r.id) as ids,
               array_agg(r.id) filter (where r.state = 'CANCELED') as over,
               array_agg(r.id) filter (where r.status = 'RESERVING') as held,
               array_agg(r.seat) filter (where r.status = 'RESERVING') as seats,
               coalesce(sum(r.price) filter (where r.status = 'RESERVING'), 0) as to_pay
          into v_bill
          from (select * from own_reservations(p_fan, p_reservations, v_at) order by id) r;
        refusal := case
            when v_bill.n < cardinality(p_reservations) then 'not_found'
            when v_bill.over is not null then 'hold_expired'
        end;
        exit when refusal is not null or v_bill.held is null;

        -- Changed while we waited: look again.
        refusal := 'changed';
        continue when not lock_held(p_fan, v_bill.held, v_bill.seats, v_at);
        with prolonged as (
            update reservation r
               set expired_at = least(v_at + make_interval(secs => p_seconds),
                                      r.created_at + make_interval(secs => p_most_seconds))
             where r.id = any (v_bill.held)
               and r.expired_at < least(v_at + make_interval(secs => p_seconds),
                                        r.created_at + make_interval(secs => p_most_seconds))
            returning r.concert_seat_id, r.expired_at)
        update concert_seat s
           set expired_at = prolonged.expired_at
          from prolonged
         where s.id = prolonged.concert_seat_id;
        refusal := null;
        exit;
    end loop;

    at_fault := case refusal
        when 'not_found' then array(select unnest(p_reservations) except select unnest(v_bill.ids))
        when 'hold_expired' then v_bill.over end;
    if refusal is null then
        held := coalesce(v_bill.held, '{}');
        to_pay := v_bill.to_pay;
        select min(r.expired_at), (array_agg(r.booking_reference order by r.id))[1] into held_until, booking_reference
          from reservation r
         where r.id = any (held);
    end if;
end
$$;
