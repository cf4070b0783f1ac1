-- Which seats a choice would leave alone, with nobody free beside them, where another choice wouldn't; and the seats
-- that could be had `instead`: as many, in the same stretch, as near to the choice as can be. Null, null: the choice is
-- fine, or not this function's business (a repeat, or seats that are gone, are for hold_seats to judge).
--
-- A *segment* is what is free of a stretch without a gap, the chosen seats included. One that has a single seat more
-- than was chosen of it leaves one alone whatever is chosen; that is nobody's fault.
create or replace function lonely_seats(
    p_fan bigint, p_schedule bigint, p_seats bigint[], p_key text, p_now timestamptz,
    out lonely bigint[], out instead bigint[]
)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_at timestamptz := coalesce(p_now, statement_timestamp());
begin
    if key_is_used(p_fan, p_key) then
        return;
    end if;
    if cardinality(p_seats) > (
        select count(*) from concert_seat s
         where s.id = any (p_seats) and s.concert_schedule_id = p_schedule
           and seat_is_free(s.status, s.expired_at, v_at)) then
        return;
    end if;
    with touched as (
        select distinct s.stretch from concert_seat s where s.id = any (p_seats) and s.stretch > 0),
    free as (
        select s.id, s.stretch, s.place, s.seat_price, s.id = any (p_seats) as is_chosen,
               s.place - row_number() over (partition by s.stretch order by s.place) as segment
          from touched t join concert_seat s on s.concert_schedule_id = p_schedule and s.stretch = t.stretch
         where seat_is_free(s.status, s.expired_at, v_at)
           and (s.id = any (p_seats) or not s.accessible and not s.companion)),
    sized as (
        select f.*, count(*) over s as length, (count(*) filter (where f.is_chosen) over s)::int as chosen,
               sum(f.seat_price) filter (where f.is_chosen) over s as cost,
               avg(f.place) filter (where f.is_chosen) over s as middle,
               coalesce(lag(f.is_chosen) over (s order by f.place), true) as is_closed_before,
               coalesce(lead(f.is_chosen) over (s order by f.place), true) as is_closed_behind
          from free f
        window s as (partition by f.stretch, f.segment)),
    bad as (
        select z.stretch, z.segment, array_agg(z.id order by z.id) as alone, min(z.chosen) as chosen,
               min(z.length) as length, min(z.cost) as cost, min(z.middle) as middle
          from sized z
         where z.chosen > 0 and z.length - z.chosen <> 1
           and not z.is_chosen and z.is_closed_before and z.is_closed_behind
         group by z.stretch, z.segment),
    better as (
        select distinct on (b.stretch, b.segment) b.stretch, b.segment, w.seats
          from bad b
         cross join lateral (
             select array_agg(f.id order by f.place) as seats, count(*) as n, min(f.nth) - 1 as before,
                    sum(f.seat_price) as cost, avg(f.place) as middle
               from generate_series(1, b.length - b.chosen + 1) start
               join (select z.*, row_number() over (order by z.place) as nth
                       from sized z where z.stretch = b.stretch and z.segment = b.segment) f
                 on f.nth >= start and f.nth < start + b.chosen
              group by start) w
         where w.before <> 1 and b.length - w.before - b.chosen <> 1
         order by b.stretch, b.segment, abs(w.cost - b.cost), abs(w.middle - b.middle), w.before)
    select (select array_agg(each order by each) from bad b, unnest(b.alone) each),
           array(select unnest(r.seats) from better r
                 union all
                 select z.id from sized z
                  where z.is_chosen
                    and not exists (select from bad b where b.stretch = z.stretch and b.segment = z.segment)
                 union all
                 select each from unnest(p_seats) each
                  where not exists (select from sized z where z.id = each))
      into lonely, instead;
    if lonely is null then
        instead := null;
    end if;
end
$$;
