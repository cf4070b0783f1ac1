-- Give held complimentary reservations: paid with nothing. Each has a payment of 0 and a line of 0 in the ledger, which
-- says who gave it and why; so every rule about paid seats holds for it, and no sum counts it as income.
--
-- Answers the payments; null if not all of it is held (any more). Locks as pay_at_counter.
create or replace function give_at_counter(
    p_fan bigint, p_reservations bigint[], p_note text, p_actor bigint, p_most bigint, p_at timestamptz
) returns bigint[]
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    v_held bigint[];
    v_seats bigint[];
    v_payment bigint;
    v_payments bigint[] := '{}';
begin
    select array_agg(r.id order by r.id), array_agg(r.seat order by r.id) into v_held, v_seats
      from own_reservations(p_fan, p_reservations, p_at) r
     where r.state = 'RESERVING' and r.price = 0;
    if v_held is null or cardinality(v_held) < cardinality(p_reservations)
       or not lock_held(p_fan, v_held, v_seats, p_at) then
        return null;
    end if;
    -- The ledger's lines name the payments, so these have their numbers before.
    foreach v_payment in array v_held loop
        v_payments := v_payments || nextval('payment_id_seq');
    end loop;
    foreach v_payment in array v_payments loop
        perform from book_entry(p_fan, 'PAYMENT', 0, v_payment, null, null, p_note, p_actor, p_most, p_at);
    end loop;
    perform sell_held(v_held, v_seats, p_at);
    insert into payment (id, reservation_id, user_id, price, complimentary, state, created_at, updated_state_at)
    select given.id, given.reservation, p_fan, 0, true, 'COMPLETED', p_at, p_at
      from unnest(v_payments, v_held) as given (id, reservation);
    return v_payments;
end
$$;
