-- Hold seats for a fan: one round trip, all seats or none.
--
-- Answers one row a reservation, or one row with a `refusal` and, for seat_unavailable and seat_unknown, the
-- seats at fault in `gone`. A booking that exists already (the same key, or exactly the fan's own live seats)
-- is answered with is_new = false and its reference alone; the caller reads it as it is now.
--
-- Each statement in here sees what has been committed before it, so a count that follows a lock is a count
-- behind the lock. Losers leave early and write nothing. Locks: token, then seats by id without waiting.
--
-- A fan who holds and gives back again and again waits longer each time: refused as `throttled`, with the seconds
-- to wait in `wait`. A repeat never waits, and neither does who loses anyway.
create or replace function hold_seats(
    p_fan bigint, p_schedule bigint, p_seats bigint[], p_token uuid,
    p_booking text, p_key text, p_hash text,
    p_hold_seconds float8, p_active_seconds float8, p_free int, p_wait_seconds float8, p_now timestamptz
) returns table (
    refusal text, wait float8, gone bigint[], is_new boolean, booking_reference text, expired_at timestamptz, created_at timestamptz,
    concert_name text, concert_date date, concert_at timestamptz, reservation bigint, price bigint, seat bigint, section text, "row" text,
    seat_number int, seat_label text, category text, x float8, y float8, accessible boolean
)
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_wanted int := cardinality(p_seats);
    v_known int;
    v_sale record;
    v_pass record;
    v_won record;
    v_gone bigint[];
    v_has_some boolean;
    v_is_behind boolean := false;
    v_verdict record;
begin
    -- In one statement with a function that chooses them, no seats are what it has refused.
    if p_seats is null then
        return;
    end if;

    -- A repeat is answered before anything is judged.
    select * into v_verdict from booking_again(p_fan, p_schedule, p_seats, p_key, p_hash, v_at);
    if v_verdict.refusal is not null or v_verdict.booking_reference is not null then
        return query select v_verdict.refusal, null::float8, null::bigint[], false, v_verdict.booking_reference,
            null::timestamptz, null::timestamptz, null, null::date, null::timestamptz, null::bigint, null::bigint, null::bigint, null, null,
            null::int, null, null, null::float8, null::float8, null::boolean;
        return;
    end if;

    -- The sale is open, and of a concert that is AVAILABLE, on a date that was not canceled.
    select s.concert_id, s.concert_date, s.concert_at, s.tickets_per_fan, c.name,
           sale_refusal(c.status, s.canceled_at, s.reservation_available_at, s.deadline_at, v_at) as refusal
      into v_sale
      from concert_schedule s join concert c on c.id = s.concert_id
     where s.id = p_schedule;

    -- The fan is inside.
    select * into v_pass from token_pass(p_fan, p_schedule, p_token, v_at);

    -- The seats are of this schedule, and look free.
    select count(*),
           array_agg(s.id) filter (where seat_is_free(s.status, s.expired_at, v_at) is not true),
           bool_or(s.user_id = p_fan)
      into v_known, v_gone, v_has_some
      from concert_seat s
     where s.id = any (p_seats) and s.concert_schedule_id = p_schedule;

    refusal := case
        when v_sale.concert_id is null then 'schedule_unknown'
        when v_sale.refusal is not null then v_sale.refusal
        when v_pass.id is null then 'queue_token_required'
        when v_pass.refusal is not null then v_pass.refusal
        when v_known < v_wanted then 'seat_unknown'
        when v_wanted > v_sale.tickets_per_fan then 'ticket_limit_exceeded'
        when v_gone is not null then 'seat_unavailable'
    end;

    -- The fan's mutex is the token. Its first use counts as entering and buys the full time, even if the fan
    -- then loses the race for these seats.
    v_is_behind := refusal is null;
    if refusal is null or v_pass.entered_at is null and refusal in ('seat_unavailable', 'ticket_limit_exceeded') then
        if not enter_line(v_pass.id, v_pass.entered_at is null, p_active_seconds, v_at) then
            refusal := 'queue_token_inactive';
        end if;
    end if;

    -- Room within the limit, counted behind the mutex.
    if refusal is null and not makes_room_within_limit(p_fan, p_schedule, p_seats, v_at) then
        refusal := 'ticket_limit_exceeded';
    end if;

    -- Fair play, behind the mutex as well: nobody gives back in one request while another looks.
    if refusal is null and p_wait_seconds > 0 then
        wait := hold_wait_of(p_fan, p_schedule, p_free, p_wait_seconds, v_at);
        refusal := case when wait > 0 then 'throttled' end;
    end if;

    -- The seats: locked in order and never waited for; PostgreSQL re-checks the version it locks.
    if refusal is null then
        select count(*) as n, array_agg(q.id) as seats, array_agg(q.id) filter (where q.status = 'TEMPORARY') as lapsed
          into v_won
          from (select s.id, s.status
                  from concert_seat s
                 where s.id = any (p_seats) and s.concert_schedule_id = p_schedule
                   and seat_is_free(s.status, s.expired_at, v_at)
                 order by s.id
                   for no key update skip locked) q;
        if v_won.n < v_wanted then
            refusal := 'seat_unavailable';
            v_gone := array(select unnest(p_seats) except select unnest(v_won.seats));
        end if;
    elsif refusal = 'seat_unknown' then
        v_gone := array(select unnest(p_seats) except
                        select s.id from concert_seat s
                         where s.id = any (p_seats) and s.concert_schedule_id = p_schedule);
    end if;

    -- Perhaps what stands in the way is the fan's own other request, committed since the first look: while we
    -- waited for the mutex, or between two statements. Then this is its repeat.
    if refusal is not null and (v_is_behind or v_has_some) then
        select * into v_verdict from booking_again(p_fan, p_schedule, p_seats, p_key, p_hash, v_at);
        if v_verdict.refusal is not null or v_verdict.booking_reference is not null then
            refusal := v_verdict.refusal;
            booking_reference := v_verdict.booking_reference;
        end if;
    end if;

    if refusal is not null or booking_reference is not null then
        is_new := false;
        gone := v_gone;
        return next;
        return;
    end if;

    -- The lapsed hold that was on a seat is over, before the new one begins: one live reservation a seat.
    if v_won.lapsed is not null then
        update reservation r
           set status = 'CANCELED', updated_state_at = v_at
         where r.concert_seat_id = any (v_won.lapsed)
           and r.status = 'RESERVING';
    end if;

    update concert_seat s
       set status = 'TEMPORARY', user_id = p_fan, expired_at = v_at + make_interval(secs => p_hold_seconds)
     where s.id = any (p_seats);

    return query
    with booked as (
        insert into reservation (
            booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name, concert_date,
            price, status, expired_at, idempotency_key, request_hash, created_at, updated_state_at)
        select p_booking, v_sale.concert_id, p_schedule, s.id, p_fan, v_sale.name, v_sale.concert_date,
               s.seat_price, 'RESERVING', s.expired_at,
               -- The booking's key stands on the row of its first seat.
               case when s.id = v_won.seats[1] then p_key end,
               case when s.id = v_won.seats[1] and p_key is not null then p_hash end,
               v_at, v_at
          from concert_seat s
         where s.id = any (p_seats)
         order by s.id
        returning id, concert_seat_id, price)
    select null::text, null::float8, null::bigint[], true, p_booking, s.expired_at, v_at,
           v_sale.name::text, v_sale.concert_date, v_sale.concert_at, b.id, b.price, s.id, s.section::text, s."row"::text,
           s.seat_number, s.seat_label::text, s.category::text, s.x, s.y, s.accessible
      from booked b join concert_seat s on s.id = b.concert_seat_id
     where s.id = any (p_seats)
     order by b.id;
end
$$;
