select s.id
  from concert_schedule s
 where exists (select from waiting_token t where t.concert_schedule_id = s.id and t.status = 'WAITING')
    or exists (select from waiting_token t where t.concert_schedule_id = s.id and t.status = 'ACTIVE')
 order by s.id
