-- The schedules where anybody waits or is inside: a few looks into partial indexes each, in this order. While a draw is
-- at work its lobby answers at once, but each of its numbers would be looked at in vain; afterwards it is the reverse.
select s.id
  from concert_schedule s
 where case
         when s.drawn_at is null
              and exists (select from waiting_token t
                           where t.concert_schedule_id = s.id and t.status = 'WAITING' and t.number is null) then true
         when exists (select from waiting_token t
                       where t.concert_schedule_id = s.id and t.status = 'WAITING' and t.number is not null) then true
         else exists (select from waiting_token t where t.concert_schedule_id = s.id and t.status = 'ACTIVE')
       end
 order by s.id
