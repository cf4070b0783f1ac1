-- Credit a top-up that is for a booking, and pay the booking from it, in one transaction.
--
-- Answers what credit_top_up refuses, or what came of it: PAID, or KEPT where it came too late for the seats, the money
-- is no longer enough, or all of it was paid otherwise meanwhile: then it stays in the wallet. `freed` as in pay_reservations.
-- Locks: seats by id and reservations (lock_held) before the top-up and the balance.
create or replace function settle_booking(
    p_top_up bigint, p_method text, p_provider_reference text, p_most bigint, p_now timestamptz,
    out refusal text, out outcome text, out freed bigint[]
)
language plpgsql volatile
as $$
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_order record;
    v_held bigint[];
    v_seats bigint[];
    v_paid record;
begin
    select o.fan, o.reservations into strict v_order from top_up_order(p_top_up) o;
    select array_agg(r.id), array_agg(r.seat) into v_held, v_seats
      from own_reservations(v_order.fan, v_order.reservations, v_at) r
     where r.status = 'RESERVING';
    if v_held is not null then
        -- Whether all of it is still held is looked at again by paying; here it is the order of locks that counts.
        perform lock_held(v_order.fan, v_held, v_seats, v_at);
    end if;
    refusal := credit_top_up(p_top_up, p_method, p_provider_reference, p_most, v_at);
    if refusal is not null then
        return;
    end if;
    select p.refusal, p.is_new, p.freed into v_paid
      from pay_reservations(v_order.fan, v_order.reservations, p_now) p
     limit 1;
    freed := v_paid.freed;
    outcome := case when v_paid.refusal is null and v_paid.is_new then 'PAID' else 'KEPT' end;
    perform note_outcome(p_top_up, outcome);
end
$$;
