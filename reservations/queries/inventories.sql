-- What each of these schedules costs and how much of it is left, by category and price; what is held, and until when
-- the first of it is.
select asked.id as schedule_id, asked.is_sold_out, s.category, s.seat_price,
       count(*) filter (where seat_is_free(s.status, s.expired_at, statement_timestamp())) as seats_left,
       count(*) filter (where seat_is_held(s.status, s.expired_at, statement_timestamp())) as seats_held,
       min(s.expired_at) filter (where seat_is_held(s.status, s.expired_at, statement_timestamp())) as next_lapse
  from (select id, schedule_is_sold_out(id) as is_sold_out
          from unnest(%(schedule_ids)s::bigint[]) as id offset 0) asked
  join concert_seat s on s.concert_schedule_id = asked.id
 group by asked.id, asked.is_sold_out, s.category, s.seat_price
 order by asked.id, s.seat_price desc, s.category
