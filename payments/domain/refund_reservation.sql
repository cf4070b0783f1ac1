-- Refund a paid reservation, less a fee, and return its seat to sale: a step of canceling, and of staff's.
--
-- Answers null, or why nothing was changed: 'not_paid' (any more), 'balance_too_large'.
-- Locks: the seat, then reservation, payment and balance, as everywhere. All of them are held and looked at before
-- the first write, so that a refusal leaves nothing behind.
create or replace function refund_reservation(
    p_reservation bigint, p_fee bigint, p_note text, p_actor bigint, p_most bigint, p_at timestamptz
) returns text
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_paid record;
    v_payment record;
begin
    select r.concert_seat_id, r.user_id into v_paid
      from reservation r
     where r.id = p_reservation and r.status = 'RESERVED';
    if not found then
        return 'not_paid';
    end if;

    perform from concert_seat s where s.id = v_paid.concert_seat_id for no key update;
    perform from reservation r where r.id = p_reservation and r.status = 'RESERVED' for no key update;
    if not found then
        -- Refunded while we waited.
        return 'not_paid';
    end if;
    select p.id, p.price into strict v_payment
      from payment p
     where p.reservation_id = p_reservation and p.state = 'COMPLETED'
       for no key update;

    perform from book_entry(
        v_paid.user_id, 'REFUND', v_payment.price - p_fee, v_payment.id, null, null, p_note, p_actor, p_most, p_at);
    if not found then
        return 'balance_too_large';
    end if;
    update payment p
       set state = 'CANCELED', refund_fee = p_fee, updated_state_at = p_at
     where p.id = v_payment.id;
    update reservation r
       set status = 'CANCELED', updated_state_at = p_at
     where r.id = p_reservation;
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, reserved_at = null
     where s.id = v_paid.concert_seat_id;
    return null;
end
$$;
