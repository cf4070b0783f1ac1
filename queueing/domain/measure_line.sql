-- Where a line stands, by looks at the ends of an index: whether anybody waits for a number, the last number that was
-- handed out, the first that still waits, and the last that is inside.
--
-- Everyone up to `served` has been called already. Starting behind them passes by the dead entries that whoever was
-- admitted has left at the front of the index. While anybody waits for the draw there are no numbers to look for, and
-- those of a draw that is at work would be looked at in vain, one by one.
select lobby.has_lobby,
       case when lobby.has_lobby then 0 else coalesce((
           select t.number
             from waiting_token t
            where t.concert_schedule_id = %(schedule)s::bigint and t.number is not null
            order by t.number desc
            limit 1), 0) end as last_number,
       case when not lobby.has_lobby then (
           select t.number
             from waiting_token t
            where t.concert_schedule_id = %(schedule)s::bigint and t.status = 'WAITING' and t.number > %(served)s::bigint
            order by t.number
            limit 1) end as first_waiting,
       -- Who is inside was called, even if somebody before them is still on the way into the line.
       coalesce((
           select max(t.number)
             from waiting_token t
            where t.concert_schedule_id = %(schedule)s::bigint and t.status = 'ACTIVE'), 0) as last_inside,
       extract(epoch from statement_timestamp())::float8 as now
  from (
    -- Once the draw is made nobody is without a number, and the draw leaves a dead entry a fan to look at.
    select not %(is_drawn)s::boolean
           and (select t.id
                  from waiting_token t
                 where t.concert_schedule_id = %(schedule)s::bigint and t.status = 'WAITING' and t.number is null
                 order by t.concert_schedule_id, t.number
                 limit 1) is not null
           as has_lobby offset 0) lobby
