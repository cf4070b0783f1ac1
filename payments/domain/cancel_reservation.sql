-- Cancel a fan's own reservation: a held seat is given back, a paid one refunded less p_fee. Again: nothing changes.
--
-- Answers the reservation with seat, payment and balance as they are now, or one row with a `refusal` beside it.
-- What a paid one costs is a rule of the caller's (reservations/domain/cancellation.py): asked without a fee, or with
-- that of another day than it is by now at the venue, this answers quote_first and changes nothing. p_agreed is the
-- fee that the fan was shown, null for any: that of a held seat is 0, that of a paid one the caller compares.
create or replace function cancel_reservation(
    p_fan bigint, p_reservation bigint, p_agreed bigint, p_fee bigint, p_fee_of_day date, p_zone text, p_most bigint,
    p_now timestamptz
) returns table (
    refusal text, read_at timestamptz, balance bigint,
    payment bigint, paid bigint, state text, refund_fee bigint, paid_at timestamptz, payment_changed_at timestamptz,
    id bigint, booking_reference text, schedule bigint, concert_name text, concert_date date, price bigint, status text,
    expired_at timestamptz, extended_at timestamptz, created_at timestamptz, updated_state_at timestamptz,
    seat bigint, section text, "row" text, seat_number int, seat_label text, seat_price bigint, category text,
    x float8, y float8, accessible boolean
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_seen record;
    v_status text;
    v_refusal text;
begin
    select r.status, r.expired_at into v_seen
      from reservation r
     where r.id = p_reservation and r.user_id = p_fan;
    if not found then
        refusal := 'not_found';
        return next;
        return;
    end if;

    v_status := v_seen.status;
    if v_status = 'RESERVING' then
        -- A hold that is over reads canceled already: nothing is left to agree to.
        if p_agreed <> 0 and v_seen.expired_at > v_at then
            v_refusal := 'fee_changed';
        else
            v_status := release_hold(p_reservation, p_fan, v_at);
        end if;
    end if;
    -- Also where the other tab paid while this one gave up: the fan asked for it to be canceled.
    if v_status = 'RESERVED' then
        if p_fee is null or p_fee_of_day is distinct from (v_at at time zone p_zone)::date then
            v_refusal := 'quote_first';
        else
            v_refusal := refund_reservation(p_reservation, p_fee, '', null, p_most, v_at);
            -- Refunded meanwhile, by another tab or by staff: that is what was asked for.
            v_refusal := nullif(v_refusal, 'not_paid');
        end if;
    end if;

    return query
    select v_refusal, v_at, coalesce((select b.amount from balance b where b.user_id = p_fan), 0),
           p.id, p.price, p.state::text, p.refund_fee, p.created_at, p.updated_state_at,
           r.id, r.booking_reference::text, r.concert_schedule_id, r.concert_name::text, r.concert_date, r.price,
           r.status::text, r.expired_at, r.extended_at, r.created_at, r.updated_state_at,
           s.id, s.section::text, s."row"::text, s.seat_number, s.seat_label::text, s.seat_price, s.category::text,
           s.x, s.y, s.accessible
      from reservation r
      join concert_seat s on s.id = r.concert_seat_id
      left join payment p on p.reservation_id = r.id
     where r.id = p_reservation;
end
$$;
