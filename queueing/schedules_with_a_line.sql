-- The schedules where anybody waits or is inside: a few looks into partial indexes each, in this order. While a draw is
-- at work its lobby answers at once, but each of its numbers would be looked at in vain; afterwards it is the reverse.
--
-- The first in the order of the index is asked for, not whether there is any: where one line has a million, the planner
-- would expect to meet somebody soon wherever it looks, and walk the whole table for every schedule that has nobody.
select s.id
  from concert_schedule s
 where case
         when s.drawn_at is null
              and (select t.id
                     from waiting_token t
                    where t.concert_schedule_id = s.id and t.status = 'WAITING' and t.number is null
                    order by t.concert_schedule_id, t.number
                    limit 1) is not null then true
         when (select t.id
                 from waiting_token t
                where t.concert_schedule_id = s.id and t.status = 'WAITING' and t.number is not null
                order by t.concert_schedule_id, t.number
                limit 1) is not null then true
         else (select t.id
                 from waiting_token t
                where t.concert_schedule_id = s.id and t.status = 'ACTIVE'
                order by t.concert_schedule_id
                limit 1) is not null
       end
 order by s.id
