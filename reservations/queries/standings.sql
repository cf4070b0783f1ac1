-- What each of these schedules costs and how much of it is left, by category and price.
select concert_schedule_id as schedule_id, category, seat_price,
       count(*) filter (where status = 'AVAILABLE'
                           or status = 'TEMPORARY' and expired_at <= statement_timestamp()) as seats_left,
       count(*) filter (where status = 'RESERVED') as reserved,
       count(*) filter (where status <> 'UNAVAILABLE') as sellable
  from concert_seat
 where concert_schedule_id = any(%(schedule_ids)s::bigint[])
 group by concert_schedule_id, category, seat_price
 order by concert_schedule_id, seat_price desc, category
