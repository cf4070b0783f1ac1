-- Cancel a fan's own reservation: a held seat is given back, a paid one refunded less p_fee. Again: nothing changes.
--
-- Answers the reservation, whose seat and state booked_seat reads behind this, with payment and balance as they are now,
-- and perhaps a `refusal`.
-- What a paid one costs is a rule of the caller's (reservations/domain/cancellation.py): asked without a fee, or with
-- that of another day than it is by now at the venue, or of a date that was moved or canceled since (p_terms), this
-- answers quote_first and changes nothing. p_agreed is the
-- fee that the fan was shown, null for any: that of a held seat is 0, that of a paid one the caller compares.
create or replace function cancel_reservation(
    p_fan bigint, p_reservation bigint, p_agreed bigint, p_fee bigint, p_fee_of_day date, p_zone text, p_terms text,
    p_most bigint, p_now timestamptz,
    out refusal text, out read_at timestamptz, out reservation bigint, out balance bigint,
    out payment bigint, out paid bigint, out payment_state text, out refund_fee bigint, out paid_at timestamptz,
    out payment_changed_at timestamptz
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_seen record;
    v_status text;
begin
    read_at := v_at;
    select r.id, r.status, r.state, r.schedule into v_seen from own_reservations(p_fan, array[p_reservation], v_at) r;
    reservation := v_seen.id;
    if not found then
        refusal := 'not_found';
        return;
    end if;

    v_status := v_seen.status;
    if v_status = 'RESERVING' then
        -- A hold that is over reads canceled already: nothing is left to agree to.
        if p_agreed <> 0 and v_seen.state = 'RESERVING' then
            refusal := 'fee_changed';
        else
            v_status := release_hold(p_reservation, p_fan, v_at);
        end if;
    end if;
    -- Also where the other tab paid while this one gave up: the fan asked for it to be canceled.
    if v_status = 'RESERVED' then
        if p_fee is null or p_fee_of_day is distinct from day_at(p_zone, null, v_at)
           or p_terms is distinct from refund_terms_of(v_seen.schedule) then
            refusal := 'quote_first';
        else
            refusal := refund_reservation(p_reservation, p_fee, '', null, p_most, v_at);
            -- Refunded meanwhile, by another tab or by staff: that is what was asked for.
            refusal := nullif(refusal, 'not_paid');
        end if;
    end if;

    select coalesce((select b.amount from balance_of(p_fan) b), 0),
           p.id, p.price, p.state, p.refund_fee, p.created_at, p.updated_state_at
      into balance, payment, paid, payment_state, refund_fee, paid_at, payment_changed_at
      from (select) one left join payment p on p.reservation_id = p_reservation;
end
$$;
