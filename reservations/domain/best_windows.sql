-- Seats side by side for p_quantity, out of these stretches: of each the best.
--
-- A *segment* is what is free of a stretch without a gap; a window is so many seats of it, all of what was asked for.
-- Places for wheelchairs and their companions' seats count as gaps, unless one is asked for (p_accessible): then the
-- window holds one such place at least, no more of them than there must be, and companions' seats before others.
--
-- `singles` is how many seats the window would leave alone, with nobody free beside them. Within a stretch that is
-- looked at first, then that an even number stays on either side (most fans come in twos), then how near the stage.
create or replace function best_windows(
    p_schedule bigint, p_stretches int[], p_quantity int, p_section text, p_category text, p_accessible boolean,
    p_at timestamptz
) returns table (stretch int, seats bigint[], singles int, nearness bigint)
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with free as (
        select s.id, s.stretch, s.place, s.nearness, s.accessible, s.companion,
               (p_section is null or s.section = p_section) and (p_category is null or s.category = p_category)
                   as is_asked,
               s.place - row_number() over (partition by s.stretch order by s.place) as segment
          from concert_seat s
         where s.concert_schedule_id = p_schedule and s.stretch = any (p_stretches)
           and seat_is_free(s.status, s.expired_at, p_at)
           and (p_accessible or not s.accessible and not s.companion)),
    sliding as (
        select f.stretch, array_agg(f.id) over w as seats, bool_and(f.is_asked) over w as is_asked,
               count(*) over w as n, sum(f.nearness) over w as nearness,
               count(*) filter (where f.accessible) over w as wheelchairs,
               count(*) filter (where f.companion) over w as companions,
               row_number() over s - 1 as before, count(*) over (partition by f.stretch, f.segment) as length
          from free f
        window s as (partition by f.stretch, f.segment order by f.place),
               w as (s rows between current row and p_quantity - 1 following)),
    windows as (
        select q.*, q.length - q.before - q.n as behind,
               case when p_accessible then 2 * q.wheelchairs - q.companions else 0 end as waste
          from sliding q
         where q.n = p_quantity and q.is_asked and (q.wheelchairs > 0 or not p_accessible))
    select distinct on (q.stretch) q.stretch, q.seats, (q.before = 1)::int + (q.behind = 1)::int, q.nearness::bigint
      from windows q
     order by q.stretch, q.waste, (q.before = 1)::int + (q.behind = 1)::int, q.before % 2 + q.behind % 2, q.nearness;
end
$$;
