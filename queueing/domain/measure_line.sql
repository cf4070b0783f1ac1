-- Where a line stands, by three looks at the ends of an index each: the last number that was handed out, the first
-- that still waits, and whether anybody waits for a number.
-- Everyone up to `served` has been called already. Starting behind them passes by the dead entries that whoever was
-- admitted has left at the front of the index.
select coalesce((select t.number
                   from waiting_token t
                  where t.concert_schedule_id = %(schedule)s::bigint and t.number is not null
                  order by t.number desc
                  limit 1), 0) as last_number,
       (select t.number
          from waiting_token t
         where t.concert_schedule_id = %(schedule)s::bigint and t.status = 'WAITING' and t.number > %(served)s::bigint
         order by t.number
         limit 1) as first_waiting,
       -- Once the draw is made nobody is without a number, and the draw leaves a dead entry a fan.
       not %(is_drawn)s::boolean
       and exists (select
                     from waiting_token t
                    where t.concert_schedule_id = %(schedule)s::bigint and t.status = 'WAITING'
                      and t.number is null) as has_lobby
