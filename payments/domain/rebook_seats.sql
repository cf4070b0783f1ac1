-- Exchange paid seats for others (EXCHANGE), or hand them over to another account (HANDOVER): one round trip, all or none.
--
-- Each payment is refunded without a fee, and what is had instead is paid anew, so that every row says what happened, and
-- the old ticket, which names the old payment, opens no door any more. Of an exchange the fan pays the price of the new
-- seat; of a hand-over the receiver pays what was paid, with the money that the refund gave back: it goes from the one
-- wallet to the other by two adjustments. p_reservations[n] is given p_seats[n].
--
-- Answers the new payments in that order and the `difference` (minor units; negative: the fan got something back), or a
-- `refusal` with what is at fault, and then the caller rolls back. p_agreed is the difference that was shown; null for any.
--
-- Locks: seats, reservations (lock_for_rebooking), payments, balances, and last what counting needs: the fan's tokens
-- for these dates, as paying does, and the account, so that nobody joins, is let in and holds meanwhile.
create or replace function rebook_seats(
    p_kind text, p_reservations bigint[], p_seats bigint[], p_receiver bigint, p_agreed bigint, p_note text,
    p_actor bigint, p_most bigint, p_at timestamptz,
    out refusal text, out at_fault bigint[], out difference bigint, out payments bigint[], out fan bigint
)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    v_receiver bigint;
    v_dates bigint[];
    v_tokens bigint;
    v_pair record;
    v_prices bigint[] := '{}';
    v_total bigint;
    v_new bigint[] := '{}';
begin
    select l.refusal, l.at_fault, l.fan into refusal, at_fault, fan
      from lock_for_rebooking(p_reservations, case when p_kind = 'EXCHANGE' then p_seats else '{}' end, p_at) l;
    if refusal is not null then
        return;
    end if;
    v_receiver := coalesce(p_receiver, fan);
    if p_kind = 'HANDOVER' and v_receiver = fan then
        refusal := 'same_fan';
        return;
    end if;

    -- The bill.
    perform from payment p
      where p.reservation_id = any (p_reservations) and p.state = 'COMPLETED'
      order by p.id
        for no key update;
    select array_agg(case when p_kind = 'EXCHANGE' and not p.complimentary then s.seat_price else p.price end
                     order by q.nth),
           sum(p.price), array_agg(distinct s.concert_schedule_id)
             filter (where s.concert_schedule_id <> r.concert_schedule_id or v_receiver <> fan)
      into strict v_prices, v_total, v_dates
      from unnest(p_reservations, p_seats) with ordinality as q (reservation, seat, nth)
      join payment p on p.reservation_id = q.reservation and p.state = 'COMPLETED'
      join reservation r on r.id = q.reservation
      join concert_seat s on s.id = q.seat;
    difference := (select sum(price) from unnest(v_prices) price) - v_total;
    if difference <> p_agreed then
        refusal := 'price_changed';
        return;
    end if;

    perform lock_balances(array[fan, v_receiver]);
    -- Room within the limit, where the fan would have more of a date than before.
    if v_dates is not null then
        v_tokens := lock_live_tokens(v_receiver, v_dates);
        if not lock_user(v_receiver) then
            refusal := 'receiver_unknown';
            return;
        end if;
        refusal := case
            -- Joined between the two: next time it is there to be locked.
            when live_tokens(v_receiver, v_dates) > v_tokens then 'busy'
            when exists (
                select from unnest(p_seats) seat
                       join concert_seat s on s.id = seat
                       join concert_schedule d on d.id = s.concert_schedule_id
                 where d.id = any (v_dates)
                 group by d.id
                having hold_exceeds_limit(v_receiver, d.id, array_agg(s.id), d.tickets_per_fan, p_at))
            then 'ticket_limit_exceeded'
        end;
        if refusal is not null then
            return;
        end if;
    end if;

    -- Back into the wallet, without a fee.
    for v_pair in
        select p.id, p.price
          from unnest(p_reservations) with ordinality as q (reservation, nth)
          join payment p on p.reservation_id = q.reservation and p.state = 'COMPLETED'
         order by q.nth
    loop
        -- What is paid at once may pass through a full wallet.
        perform from book_entry(
            fan, 'REFUND', v_pair.price, v_pair.id, null, null, p_note, p_actor, p_most + v_total, p_at);
    end loop;
    update payment p
       set state = 'CANCELED', refund_fee = 0, updated_state_at = p_at,
           -- Of an exchange one mail tells all: that of the new ticket.
           confirmed_mail_at = case when p_kind = 'EXCHANGE' then coalesce(p.confirmed_mail_at, p_at)
                                    else p.confirmed_mail_at end,
           canceled_mail_at = case when p_kind = 'EXCHANGE' then p_at end
     where p.reservation_id = any (p_reservations) and p.state = 'COMPLETED';
    if p_kind = 'HANDOVER' and v_total > 0 then
        perform from book_entry(fan, 'ADJUSTMENT', -v_total, null, null, null, p_note, p_actor, p_most, p_at);
        perform from book_entry(
            v_receiver, 'ADJUSTMENT', v_total, null, null, null, p_note, p_actor, p_most + v_total, p_at);
    end if;

    -- And paid anew.
    payments := '{}';
    for v_pair in
        select q.reservation, q.seat, q.price
          from unnest(p_reservations, p_seats, v_prices) with ordinality as q (reservation, seat, price, nth)
         order by q.nth
    loop
        payments := payments || nextval('payment_id_seq');
        v_new := v_new || rebook_seat(v_pair.reservation, v_pair.seat, v_receiver, v_pair.price, p_at);
    end loop;
    select array_agg(q.payment order by q.nth) as payments, array_agg(q.price order by q.nth) as prices into v_pair
      from unnest(payments, v_prices) with ordinality as q (payment, price, nth)
     where q.price > 0;
    if v_pair.payments is not null and book_payments(v_receiver, v_pair.payments, v_pair.prices, p_at) is null then
        refusal := 'insufficient_balance';
        return;
    end if;
    -- What was given for nothing stays so; its line says who has done what.
    for v_pair in
        select q.payment from unnest(payments, v_prices) as q (payment, price) where q.price = 0
    loop
        perform from book_entry(
            v_receiver, 'PAYMENT', 0, v_pair.payment, null, null, p_note, p_actor, p_most + v_total, p_at);
    end loop;
    insert into payment (id, reservation_id, user_id, price, complimentary, state, created_at, updated_state_at)
    select q.payment, q.reservation, v_receiver, q.price, q.price = 0, 'COMPLETED', p_at, p_at
      from unnest(payments, v_new, v_prices) as q (payment, reservation, price);
    insert into rebooking (kind, old_payment_id, new_payment_id, note, actor_id, created_at)
    select p_kind, p.id, q.payment, p_note, p_actor, p_at
      from unnest(p_reservations, payments) as q (reservation, payment)
      join payment p on p.reservation_id = q.reservation;
end
$$;
