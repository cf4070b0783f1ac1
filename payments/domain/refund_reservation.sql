-- Refund a paid reservation, less a fee, and return its seat to sale: a step of canceling, and of staff's.
--
-- Answers null, or why nothing was changed: 'not_paid' (any more), 'balance_too_large'.
-- Locks: the seat, then reservation (lock_paid), payment and balance, as everywhere. All of them are held and looked at
-- before the first write, so that a refusal leaves nothing behind.
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
    select * into v_paid from lock_paid(p_reservation);
    if v_paid.seat is null then
        return 'not_paid';
    end if;
    select p.id, p.price into strict v_payment
      from payment p
     where p.reservation_id = p_reservation and p.state = 'COMPLETED'
       for no key update;

    perform from book_entry(
        v_paid.fan, 'REFUND', v_payment.price - p_fee, v_payment.id, null, null, p_note, p_actor, p_most, p_at);
    if not found then
        return 'balance_too_large';
    end if;
    update payment p
       set state = 'CANCELED', refund_fee = p_fee, updated_state_at = p_at
     where p.id = v_payment.id;
    perform unsell_paid(p_reservation, v_paid.seat, p_at);
    return null;
end
$$;
