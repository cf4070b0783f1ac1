-- Give the whole booking of a held reservation more time, once: one round trip. Again: nothing changes.
--
-- Answers the reservation with its seat as they are now, or one row with a `refusal`. One that was extended and then
-- paid is answered as well, as RESERVED.
-- Locks: the booking's seats by id, then its reservations.
create or replace function extend_hold(
    p_fan bigint, p_reservation bigint, p_hold_seconds float8, p_now timestamptz
) returns table (
    refusal text, read_at timestamptz, id bigint, booking_reference text, schedule bigint, concert_name text,
    concert_date date, price bigint, status text, expired_at timestamptz, extended_at timestamptz,
    created_at timestamptz, updated_state_at timestamptz, seat bigint, section text, "row" text, seat_number int,
    seat_label text, seat_price bigint, category text, x float8, y float8, accessible boolean
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_asked record;
    v_seats bigint[];
begin
    select r.booking_reference, r.status, r.expired_at, r.extended_at into v_asked
      from reservation r
     where r.id = p_reservation and r.user_id = p_fan;
    if not found then
        refusal := 'not_found';
        return next;
        return;
    end if;

    -- Who has nothing to extend writes and locks nothing.
    if v_asked.status = 'RESERVING' and v_asked.expired_at > v_at and v_asked.extended_at is null then
        -- Seats before reservations: neither can lapse or be paid between this look and the writes.
        select array_agg(q.id) into v_seats
          from (select s.id
                  from concert_seat s
                 where s.id in (select r.concert_seat_id
                                  from reservation r
                                 where r.booking_reference = v_asked.booking_reference and r.user_id = p_fan
                                   and r.status = 'RESERVING' and r.expired_at > v_at)
                   and s.status = 'TEMPORARY'
                 order by s.id
                   for no key update) q;
        with extended as (
            update reservation r
               set expired_at = r.expired_at + make_interval(secs => p_hold_seconds), extended_at = v_at
             where r.booking_reference = v_asked.booking_reference and r.user_id = p_fan
               and r.status = 'RESERVING' and r.expired_at > v_at and r.extended_at is null
               and r.concert_seat_id = any (v_seats)
            returning r.concert_seat_id, r.expired_at)
        update concert_seat s
           set expired_at = extended.expired_at
          from extended
         where s.id = extended.concert_seat_id;
    end if;

    return query
    select case when r.extended_at is null
                  or r.status = 'CANCELED'
                  or r.status = 'RESERVING' and r.expired_at <= v_at then 'hold_expired' end,
           v_at, r.id, r.booking_reference::text, r.concert_schedule_id, r.concert_name::text,
           r.concert_date, r.price, r.status::text, r.expired_at, r.extended_at,
           r.created_at, r.updated_state_at, s.id, s.section::text, s."row"::text, s.seat_number,
           s.seat_label::text, s.seat_price, s.category::text, s.x, s.y, s.accessible
      from reservation r join concert_seat s on s.id = r.concert_seat_id
     where r.id = p_reservation;
end
$$;
