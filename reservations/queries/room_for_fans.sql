-- How many fans inside the seats can serve: one a free seat, and whoever holds one. Both are counted in one
-- snapshot: a seat that has just been held must not count as free while its holder counts as served.
select (select count(*)
          from concert_seat s
         where s.concert_schedule_id = %(schedule)s
           and seat_is_free(s.status, s.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp())))
     + (select count(*)
          from waiting_token t
         where t.concert_schedule_id = %(schedule)s and t.status = 'ACTIVE'
           and exists (select from reservation r
                        where r.user_id = t.user_id and r.concert_schedule_id = t.concert_schedule_id
                          and reservation_is_held(
                              r.status, r.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp())))) as room
