select count(*) as holding
  from waiting_token t
 where t.concert_schedule_id = %(schedule)s and t.status = 'ACTIVE'
   and exists (select from reservation r
                where r.user_id = t.user_id and r.concert_schedule_id = t.concert_schedule_id
                  and r.status in ('RESERVING', 'RESERVED') and r.status = 'RESERVING')
