-- What hold_seats asks more than once, or others ask as well.

-- Has this booking been made already? By its key, or because exactly these seats are the fan's own live hold.
-- VOLATILE, as everything here: each call sees what has been committed before it.
create or replace function booking_again(
    p_fan bigint, p_schedule bigint, p_seats bigint[], p_key text, p_hash text, p_at timestamptz,
    out refusal text, out booking_reference text
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_found record;
begin
    if p_key is not null then
        select r.booking_reference, r.request_hash into v_found
          from reservation r
         where r.user_id = p_fan and r.idempotency_key = p_key;
        if found then
            if v_found.request_hash = p_hash then
                booking_reference := v_found.booking_reference;
            else
                refusal := 'idempotency_key_reused';
            end if;
            return;
        end if;
    end if;

    select min(r.booking_reference) as reference, count(*) as n, count(distinct r.booking_reference) as bookings
      into v_found
      from concert_seat s
      join reservation r on r.concert_seat_id = s.id and r.status = 'RESERVING'
     where s.id = any (p_seats) and s.concert_schedule_id = p_schedule
       and s.user_id = p_fan and seat_is_held(s.status, s.expired_at, p_at);
    if v_found.n = cardinality(p_seats) and v_found.bookings = 1
       and v_found.n = (select count(*) from reservation r
                         where r.booking_reference = v_found.reference and r.user_id = p_fan
                           and r.status = 'RESERVING') then
        booking_reference := v_found.reference;
    end if;
end
$$;

-- Whether a booking of the fan has this key; none is nobody's.
create or replace function key_is_used(p_fan bigint, p_key text) returns boolean
language sql volatile
as $$
    select exists (select from reservation r where r.user_id = p_fan and r.idempotency_key = p_key)
$$;

-- How many seats of a schedule a fan has, held or paid, besides the ones asked for. A RESERVING row counts until its
-- state changes.
create or replace function live_seats_of(p_fan bigint, p_schedule bigint, p_but_seats bigint[]) returns bigint
language sql volatile
as $$
    select count(*)
      from reservation r
     where r.user_id = p_fan and r.concert_schedule_id = p_schedule
       and r.status in ('RESERVING', 'RESERVED') and r.concert_seat_id <> all (p_but_seats)
$$;

-- Whether a fan would have more seats of a date than it allows: these, and whatever else they have of it. Counted behind
-- the caller's locks.
create or replace function exceeds_limit(p_fan bigint, p_schedule bigint, p_seats bigint[]) returns boolean
language sql volatile
as $$
    select cardinality(p_seats) + live_seats_of(p_fan, p_schedule, p_seats) > s.tickets_per_fan
      from concert_schedule s
     where s.id = p_schedule
$$;

-- Whether a fan may have these seats besides the others of the date; their own holds that are over are given back first
-- if they stand in the way. Behind the caller's locks, as above.
create or replace function makes_room_within_limit(p_fan bigint, p_schedule bigint, p_seats bigint[], p_at timestamptz)
returns boolean
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
begin
    if not exceeds_limit(p_fan, p_schedule, p_seats) then
        return true;
    end if;
    perform release_own_lapsed(p_fan, p_schedule, p_seats, p_at);
    return not exceeds_limit(p_fan, p_schedule, p_seats);
end
$$;

-- Give back the fan's own holds that are over, so that they stand in the way of nothing.
create or replace function release_own_lapsed(
    p_fan bigint, p_schedule bigint, p_but_seats bigint[], p_at timestamptz
) returns void
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_seats bigint[];
begin
    select array_agg(q.id) into v_seats
      from (select s.id
              from reservation r join concert_seat s on s.id = r.concert_seat_id
             where r.user_id = p_fan and r.concert_schedule_id = p_schedule
               and reservation_has_lapsed(r.status, r.expired_at, p_at)
               and r.concert_seat_id <> all (p_but_seats)
               and s.user_id = p_fan and seat_has_lapsed(s.status, s.expired_at, p_at)
             order by s.id
               for no key update of s skip locked) q;
    update reservation r
       set status = 'CANCELED', updated_state_at = p_at
     where r.concert_seat_id = any (v_seats)
       and r.status = 'RESERVING';
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, expired_at = null
     where s.id = any (v_seats);
end
$$;

-- How many seconds a fan must still wait before holding seats of a schedule again: 0 for who pays, or seldom changes
-- their mind. Counted are the bookings of the last day of which something was given back or lapsed and nothing is
-- paid; the first p_free cost nothing, each further one twice the wait of the one before, from p_seconds up to an
-- hour, from its end on. What staff took back has no end of its own (release_hold.sql), so it does not count.
-- A fan's newest rows alone are read, through their index; whoever books so much is known well enough by those.
create or replace function hold_wait_of(
    p_fan bigint, p_schedule bigint, p_free int, p_seconds float8, p_at timestamptz
) returns float8
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
    v_idle record;
begin
    select count(*) as n, max(q.ended_at) as last_at into v_idle
      from (select greatest(
                       max(least(r.updated_state_at, r.expired_at)) filter (where r.status = 'CANCELED'),
                       max(r.expired_at) filter (where reservation_has_lapsed(r.status, r.expired_at, p_at))) as ended_at
              from (select r.booking_reference, r.concert_schedule_id, r.status, r.expired_at, r.updated_state_at
                      from reservation r
                     where r.user_id = p_fan
                     order by r.id desc
                     limit 1000) r
             where r.concert_schedule_id = p_schedule
               and (r.status <> 'CANCELED' or r.expired_at is not null)
             group by r.booking_reference
            having bool_and(r.status <> 'RESERVED')) q
     where q.ended_at > p_at - interval '1 day';
    if v_idle.n <= p_free then
        return 0;
    end if;
    return greatest(0, extract(epoch from v_idle.last_at - p_at)
                       + least(p_seconds * 2 ^ least(v_idle.n - p_free - 1, 20), 3600));
end
$$;
