-- A reservation with its seat, as they are at the moment of the call: what comes back of one that was just changed.
--
-- VOLATILE, and called in the same statement behind the function that changes it (`from extend_hold(...) outcome
-- left join lateral booked_seat(outcome.reservation, ...)`): so it sees what that has written. No row for null.
create or replace function booked_seat(p_reservation bigint, p_at timestamptz) returns table (
    id bigint, booking_reference text, schedule bigint, concert_name text, concert_date date, price bigint, status text,
    state text, expired_at timestamptz, extended_at timestamptz, created_at timestamptz, updated_state_at timestamptz,
    seat bigint, section text, "row" text, seat_number int, seat_label text, seat_price bigint, category text,
    x float8, y float8, accessible boolean, venue_zone text, played_on date, concert_at timestamptz,
    first_concert_at timestamptz, canceled_at timestamptz, free_refunds_until date, free_refunds_before timestamptz,
    refund_terms text
)
language sql volatile
as $$
    select r.id, r.booking_reference, r.concert_schedule_id, r.concert_name, r.concert_date, r.price, r.status,
           reservation_state(r.status, r.expired_at, p_at), r.expired_at, r.extended_at, r.created_at,
           r.updated_state_at, s.id, s.section, s."row", s.seat_number, s.seat_label, s.seat_price, s.category,
           s.x, s.y, s.accessible, v.time_zone, d.concert_date, d.concert_at, d.first_concert_at, d.canceled_at,
           d.free_refunds_until, d.free_refunds_before, refund_terms_of(d.id)
      from reservation r
      join concert_seat s on s.id = r.concert_seat_id
      join concert_schedule d on d.id = r.concert_schedule_id
      join concert c on c.id = r.concert_id
      left join venue v on v.id = c.venue_id
     where r.id = p_reservation
$$;

-- By what a refund of a schedule's tickets was quoted: another text once the date was moved or canceled.
create or replace function refund_terms_of(p_schedule bigint) returns text
language sql volatile
as $$
    select concat_ws(' ', d.concert_at, d.free_refunds_until, d.canceled_at)
      from concert_schedule d
     where d.id = p_schedule
$$;
