-- Choose and lock the best seats side by side for a fan, for hold_seats to hold in the same statement.
--
-- Answers the `seats`, or a `refusal`, no seats, and how many could be had together at most (`largest`). Whoever isn't inside,
-- or sends a key again, gets no seat chosen: hold_seats, which judges all that again, says why, or answers the booking.
--
-- The stretches nearest to the stage are looked at first, and are mostly good enough. Where they are not, the hall is
-- surveyed once for those that have so many free seats, and these are walked, a few at a time, until one has a window
-- that leaves no seat alone; only if the whole hall has none, one that does.
--
-- Fans who ask at once all want the same: a stretch in which somebody is choosing just now is passed by (its advisory
-- lock is tried and never waited for), so that the next fan takes the next stretch, and each sees what the one before
-- has left of it. What keeps a seat from being taken twice is the lock on its row, SKIP LOCKED, as in every hold. Who
-- passed something by and found nothing else looks again, p_rounds times.
create or replace function pick_best_available(
    p_fan bigint, p_schedule bigint, p_token uuid, p_key text, p_quantity int, p_section text, p_category text,
    p_accessible boolean, p_active_seconds float8, p_rounds int, p_now timestamptz,
    out refusal text, out seats bigint[], out largest int
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    -- The seat that no schedule has.
    c_nobody constant bigint[] := array[0];
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_walk record;
begin
    seats := c_nobody;
    if not may_choose(p_fan, p_schedule, p_token, p_key, p_active_seconds, v_at) then
        return;
    end if;
    if p_quantity > (select s.tickets_per_fan from concert_schedule s where s.id = p_schedule) then
        refusal := 'ticket_limit_exceeded';
        seats := null;
        return;
    end if;

    for v_round in 0 .. p_rounds loop
        -- Whoever is choosing is done within a few milliseconds; the longer it takes, the longer we leave them.
        if v_round > 0 then
            perform pg_sleep(least(0.001 * v_round, 0.02) * (0.5 + random()));
        end if;
        select * into v_walk
          from pick_in_hall(p_schedule, p_quantity, p_section, p_category, p_accessible, v_at);
        exit when v_walk.seats is not null or not v_walk.is_passed_by;
    end loop;
    seats := v_walk.seats;
    if seats is null then
        largest := v_walk.largest;
        refusal := case
            when p_section is not null and not exists (
                select from concert_seat s where s.concert_schedule_id = p_schedule and s.section = p_section)
                then 'section_unknown'
            when p_category is not null and not exists (
                select from concert_seat s where s.concert_schedule_id = p_schedule and s.category = p_category)
                then 'category_unknown'
            when largest = 0 and schedule_is_sold_out(p_schedule) then 'sold_out'
            else 'seat_unavailable'
        end;
    end if;
end
$$;

-- One walk through the hall: the seats, locked; else how many can be had together at most, and whether something was
-- passed by that may be had yet.
create or replace function pick_in_hall(
    p_schedule bigint, p_quantity int, p_section text, p_category text, p_accessible boolean, p_at timestamptz,
    out seats bigint[], out is_passed_by boolean, out largest int
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_tried record;
    v_spare int[];
    v_free int[];
    v_wide int[];
begin
    is_passed_by := false;
    -- For who asks for a wheelchair's place, the few that there are may be anywhere.
    if not p_accessible then
        select * into v_tried
          from pick_in_stretches(p_schedule, nearest_stretches(p_schedule, p_section, p_category), p_quantity,
                                 p_section, p_category, p_accessible, 0, p_at);
        seats := v_tried.seats;
        if seats is not null then
            return;
        end if;
    end if;

    select coalesce(array_agg(f.stretch order by f.stretch), '{}'),
           coalesce(array_agg(f.stretch order by f.stretch) filter (where f.n >= p_quantity), '{}')
      into v_free, v_wide
      from free_stretches(p_schedule, p_section, p_category, p_accessible, p_at) f;
    v_spare := '{}';
    for v_from in 1 .. cardinality(v_wide) by 16 loop
        select * into v_tried
          from pick_in_stretches(p_schedule, v_wide[v_from:v_from + 15], p_quantity, p_section, p_category,
                                 p_accessible, 0, p_at);
        seats := v_tried.seats;
        if seats is not null then
            return;
        end if;
        is_passed_by := is_passed_by or v_tried.is_passed_by;
        v_spare := v_spare || v_tried.spare;
    end loop;
    -- Whatever is left leaves a seat alone; unless something better was only passed by, that is how it is.
    if is_passed_by then
        return;
    end if;
    select * into v_tried
      from pick_in_stretches(p_schedule, v_spare, p_quantity, p_section, p_category, p_accessible, 2, p_at);
    seats := v_tried.seats;
    is_passed_by := v_tried.is_passed_by;
    if seats is null and not is_passed_by then
        largest := 0;
        for v_quantity in reverse p_quantity - 1 .. 1 loop
            if exists (select from best_windows(p_schedule, v_free, v_quantity, p_section, p_category, p_accessible,
                                                p_at)) then
                largest := v_quantity;
                exit;
            end if;
        end loop;
    end if;
end
$$;

-- The stretches nearest to the stage that have seats of what is asked for, free or not: some ten. Three questions, as
-- each has an index of its own.
create or replace function nearest_stretches(p_schedule bigint, p_section text, p_category text) returns int[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
begin
    if p_section is not null then
        return array(select distinct q.stretch from (
            select s.stretch from concert_seat s
             where s.concert_schedule_id = p_schedule and s.section = p_section order by s.stretch limit 200) q);
    end if;
    if p_category is not null then
        return array(select distinct q.stretch from (
            select s.stretch from concert_seat s
             where s.concert_schedule_id = p_schedule and s.category = p_category order by s.stretch limit 200) q);
    end if;
    return array(select distinct q.stretch from (
        select s.stretch from concert_seat s
         where s.concert_schedule_id = p_schedule order by s.stretch limit 200) q);
end
$$;

-- The stretches that have free seats of what is asked for, and how many.
create or replace function free_stretches(
    p_schedule bigint, p_section text, p_category text, p_accessible boolean, p_at timestamptz
) returns table (stretch int, n bigint)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    if p_section is not null then
        return query
        select s.stretch, count(*) from concert_seat s
         where s.concert_schedule_id = p_schedule and s.section = p_section
           and (p_category is null or s.category = p_category)
           and seat_is_free(s.status, s.expired_at, p_at) and (p_accessible or not s.accessible and not s.companion)
         group by s.stretch;
    elsif p_category is not null then
        return query
        select s.stretch, count(*) from concert_seat s
         where s.concert_schedule_id = p_schedule and s.category = p_category
           and seat_is_free(s.status, s.expired_at, p_at) and (p_accessible or not s.accessible and not s.companion)
         group by s.stretch;
    else
        return query
        select s.stretch, count(*) from concert_seat s
         where s.concert_schedule_id = p_schedule
           and seat_is_free(s.status, s.expired_at, p_at) and (p_accessible or not s.accessible and not s.companion)
         group by s.stretch;
    end if;
end
$$;

-- The best window of these stretches, locked; else whether one was passed by, and which stretches have windows that
-- leave more seats alone than p_most_singles.
create or replace function pick_in_stretches(
    p_schedule bigint, p_stretches int[], p_quantity int, p_section text, p_category text, p_accessible boolean,
    p_most_singles int, p_at timestamptz, out seats bigint[], out is_passed_by boolean, out spare int[]
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_window record;
    v_tried record;
begin
    is_passed_by := false;
    spare := '{}';
    for v_window in
        select w.stretch, w.singles
          from best_windows(p_schedule, p_stretches, p_quantity, p_section, p_category, p_accessible, p_at) w
         order by w.nearness
    loop
        if v_window.singles > p_most_singles then
            spare := spare || v_window.stretch;
            continue;
        end if;
        select * into v_tried
          from pick_in_stretch(p_schedule, v_window.stretch, p_quantity, p_section, p_category, p_accessible,
                               p_most_singles, p_at);
        seats := v_tried.seats;
        exit when seats is not null;
        is_passed_by := is_passed_by or v_tried.is_passed_by;
    end loop;
end
$$;

-- The best window of one stretch, locked; null if somebody else is choosing there, or has taken it meanwhile.
create or replace function pick_in_stretch(
    p_schedule bigint, p_stretch int, p_quantity int, p_section text, p_category text, p_accessible boolean,
    p_most_singles int, p_at timestamptz, out seats bigint[], out is_passed_by boolean
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_window record;
begin
    is_passed_by := not pg_try_advisory_xact_lock(stretch_key(p_schedule, p_stretch));
    if is_passed_by then
        return;
    end if;
    -- Looked at again behind the lock: this sees what the one before us has left.
    select * into v_window
      from best_windows(p_schedule, array[p_stretch], p_quantity, p_section, p_category, p_accessible, p_at) w
     where w.singles <= p_most_singles;
    if not found then
        return;
    end if;
    select array_agg(q.id) into seats
      from (select s.id
              from concert_seat s
             where s.id = any (v_window.seats) and seat_is_free(s.status, s.expired_at, p_at)
             order by s.id
               for no key update skip locked) q;
    -- Somebody who chose by hand is just getting one of them.
    if cardinality(seats) is distinct from p_quantity then
        seats := null;
        is_passed_by := true;
    end if;
end
$$;

-- The key of the lock of who chooses in a stretch. The class in the high bits keeps it apart from any other use of
-- advisory locks; should two stretches share a key, somebody passes one by for nothing.
create or replace function stretch_key(p_schedule bigint, p_stretch int) returns bigint
language sql immutable
as $$
    select (73::bigint << 56) | ((p_schedule & ((1::bigint << 36) - 1)) << 20) | (p_stretch & ((1 << 20) - 1))
$$;

-- Whether seats are to be chosen for a fan who asks: the date is on sale, they are inside, and have no booking by this key.
create or replace function may_choose(
    p_fan bigint, p_schedule bigint, p_token uuid, p_key text, p_active_seconds float8, p_at timestamptz
) returns boolean
language plpgsql volatile
as $$
declare
    v_pass record;
begin
    if key_is_used(p_fan, p_key) or not sale_is_on(p_schedule, p_at) then
        return false;
    end if;
    select * into v_pass from token_pass(p_fan, p_schedule, p_token, p_at);
    -- The fan's mutex comes before any seat, as in every hold: two requests of one fan choose one after the other.
    if v_pass.id is null or v_pass.refusal is not null
       or not enter_line(v_pass.id, v_pass.entered_at is null, p_active_seconds, p_at) then
        return false;
    end if;
    -- The twin of a double click may have booked while we waited.
    return not key_is_used(p_fan, p_key);
end
$$;

-- Whether a date is on sale now; hold_seats says why not.
create or replace function sale_is_on(p_schedule bigint, p_at timestamptz) returns boolean
language sql volatile
as $$
    select exists (select from concert_schedule s join concert c on c.id = s.concert_id
                    where s.id = p_schedule
                      and sale_refusal(c.status, s.canceled_at, s.reservation_available_at, s.deadline_at, p_at) is null)
$$;
