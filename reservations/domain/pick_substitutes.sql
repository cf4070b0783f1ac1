-- The seats a fan asked for, and for each that is gone the nearest equally priced one: chosen and locked, for
-- hold_seats to hold in the same statement.
--
-- Answers the `seats` to hold, and which of the `gone` got which seat in its place (`substitutes`, in the same order).
-- Where nothing is to be replaced, or can't be, the seats come back as they were asked for: hold_seats, which judges
-- everything again, says what stands in the way. A seat that is the fan's own already is not gone, and not replaced.
create or replace function pick_substitutes(
    p_fan bigint, p_schedule bigint, p_seats bigint[], p_token uuid, p_key text, p_active_seconds float8,
    p_now timestamptz, out seats bigint[], out gone bigint[], out substitutes bigint[]
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
    v_asked record;
    v_kept bigint[];
    v_gone bigint[];
    v_found bigint[];
begin
    if p_seats is null then
        return;
    end if;
    seats := p_seats;
    if not may_choose(p_fan, p_schedule, p_token, p_key, p_active_seconds, v_at) then
        return;
    end if;
    select count(*) as n, coalesce(bool_or(s.user_id = p_fan and not seat_is_free(s.status, s.expired_at, v_at)), false)
               as has_own
      into v_asked
      from concert_seat s
     where s.id = any (p_seats) and s.concert_schedule_id = p_schedule;
    if v_asked.n < cardinality(p_seats) or v_asked.has_own
       or v_asked.n > (select s.tickets_per_fan from concert_schedule s where s.id = p_schedule) then
        return;
    end if;

    select coalesce(array_agg(q.id), '{}') into v_kept
      from (select s.id
              from concert_seat s
             where s.id = any (p_seats) and s.concert_schedule_id = p_schedule
               and seat_is_free(s.status, s.expired_at, v_at)
             order by s.id
               for no key update skip locked) q;
    v_gone := array(select unnest(p_seats) except select unnest(v_kept) order by 1);
    if v_gone = '{}' then
        return;
    end if;
    v_found := nearest_equal_seats(p_schedule, v_kept, v_gone, v_at);
    if v_found is not null then
        seats := v_kept || v_found;
        gone := v_gone;
        substitutes := v_found;
    end if;
end
$$;

-- For each of p_gone the nearest free seat at the same price, in the same order, locked as far as nobody else locks
-- it; null if there aren't as many. A place for wheelchairs is replaced by one, and any other seat by none; so are
-- companions' seats. Seats that adjoin what the fan keeps come first, however far: a group should stay one. Of a
-- group that is gone as a whole, the nearest window takes the place, if there is one.
create or replace function nearest_equal_seats(p_schedule bigint, p_kept bigint[], p_gone bigint[], p_at timestamptz)
returns bigint[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_found bigint[] := '{}';
    v_seat record;
    v_next bigint;
begin
    if p_kept = '{}' and cardinality(p_gone) > 1 then
        v_found := nearest_equal_window(p_schedule, p_gone, p_at);
        if v_found is not null then
            return v_found;
        end if;
        v_found := '{}';
    end if;
    for v_seat in
        select g.seat, s.x, s.y, s.seat_price, s.accessible, s.companion
          from unnest(p_gone) with ordinality g (seat, nth) join concert_seat s on s.id = g.seat
         order by g.nth
    loop
        v_next := null;
        select s.id into v_next
          from concert_seat s
         where s.concert_schedule_id = p_schedule and s.seat_price = v_seat.seat_price
           and s.accessible = v_seat.accessible and s.companion = v_seat.companion
           and seat_is_free(s.status, s.expired_at, p_at)
           and s.id <> all (p_kept || v_found)
         order by not exists (select from concert_seat n
                               where n.id = any (p_kept || v_found) and n.stretch = s.stretch
                                 and abs(n.place - s.place) = 1),
                  (s.x - v_seat.x) ^ 2 + (s.y - v_seat.y) ^ 2, s.nearness, s.id
         limit 1
           for no key update of s skip locked;
        if v_next is null then
            return null;
        end if;
        v_found := v_found || v_next;
    end loop;
    return v_found;
end
$$;

-- Adjoining seats in the place of p_gone, if all of these cost the same and none is special: of the free seats nearest
-- to their middle. Locked; null if there are none.
create or replace function nearest_equal_window(p_schedule bigint, p_gone bigint[], p_at timestamptz) returns bigint[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_asked record;
    v_window record;
    v_won bigint[];
begin
    select count(distinct s.seat_price) as prices, bool_or(s.accessible or s.companion) as is_special,
           min(s.seat_price) as price, avg(s.x) as x, avg(s.y) as y, count(*)::int as n
      into v_asked
      from concert_seat s
     where s.id = any (p_gone);
    if v_asked.prices > 1 or v_asked.is_special then
        return null;
    end if;
    for v_window in
        with near as (
            select s.id, s.stretch, s.place, (s.x - v_asked.x) ^ 2 + (s.y - v_asked.y) ^ 2 as distance
              from concert_seat s
             where s.concert_schedule_id = p_schedule and s.seat_price = v_asked.price
               and not s.accessible and not s.companion and seat_is_free(s.status, s.expired_at, p_at)
             order by distance
             limit 400),
        parted as (
            select n.*, n.place - row_number() over (partition by n.stretch order by n.place) as segment from near n),
        windows as (
            select array_agg(p.id) over w as seats, count(*) over w as n, sum(p.distance) over w as distance
              from parted p
            window w as (partition by p.stretch, p.segment order by p.place
                         rows between current row and v_asked.n - 1 following))
        select w.seats from windows w where w.n = v_asked.n order by w.distance limit 20
    loop
        select array_agg(q.id) into v_won
          from (select s.id
                  from concert_seat s
                 where s.id = any (v_window.seats) and seat_is_free(s.status, s.expired_at, p_at)
                 order by s.id
                   for no key update skip locked) q;
        if v_won = (select array_agg(each order by each) from unnest(v_window.seats) each) then
            return v_won;
        end if;
    end loop;
    return null;
end
$$;
