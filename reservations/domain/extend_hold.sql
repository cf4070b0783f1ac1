-- Give the whole booking of a held reservation more time, once: one round trip. Again: nothing changes.
--
-- Answers the reservation, whose seat and state booked_seat reads behind this, or a `refusal`. One that was extended and
-- then paid is answered as well. Locks: the booking's seats by id, then its reservations.
create or replace function extend_hold(
    p_fan bigint, p_reservation bigint, p_hold_seconds float8, p_now timestamptz,
    out refusal text, out read_at timestamptz, out reservation bigint
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
    read_at := v_at;
    select r.id, r.booking_reference, r.status, r.expired_at, r.extended_at into v_asked
      from reservation r
     where r.id = p_reservation and r.user_id = p_fan;
    reservation := v_asked.id;
    if not found then
        refusal := 'not_found';
        return;
    end if;

    -- Who has nothing to extend writes and locks nothing.
    if reservation_is_held(v_asked.status, v_asked.expired_at, v_at) and v_asked.extended_at is null then
        -- Seats before reservations: neither can lapse or be paid between this look and the writes.
        select array_agg(q.id) into v_seats
          from (select s.id
                  from concert_seat s
                 where s.id in (select r.concert_seat_id
                                  from reservation r
                                 where r.booking_reference = v_asked.booking_reference and r.user_id = p_fan
                                   and reservation_is_held(r.status, r.expired_at, v_at))
                   and s.status = 'TEMPORARY'
                 order by s.id
                   for no key update) q;
        with extended as (
            update reservation r
               set expired_at = r.expired_at + make_interval(secs => p_hold_seconds), extended_at = v_at
             where r.booking_reference = v_asked.booking_reference and r.user_id = p_fan
               and reservation_is_held(r.status, r.expired_at, v_at) and r.extended_at is null
               and r.concert_seat_id = any (v_seats)
            returning r.concert_seat_id, r.expired_at)
        update concert_seat s
           set expired_at = extended.expired_at
          from extended
         where s.id = extended.concert_seat_id;
    end if;

    select case when r.extended_at is null
                  or reservation_state(r.status, r.expired_at, v_at) = 'CANCELED' then 'hold_expired' end
      into refusal
      from reservation r
     where r.id = p_reservation;
end
$$;
