-- The seats of a plan of the library for a date, in the order of the plan, one statement whatever the size of the hall.
-- Prices are by category, in minor units.
insert into concert_seat (
    concert_id, concert_schedule_id, section, row, seat_number, seat_label, seat_guid, seat_price, category, row_index,
    x, y, accessible, companion, stretch, place, nearness, status)
select %(concert)s, %(schedule)s, seat.section, seat.row, seat.seat_number, seat.seat_label, seat.seat_guid,
       (%(prices)s::jsonb ->> seat.category)::bigint, seat.category, seat.row_index, seat.x, seat.y,
       coalesce(seat.accessible, false), coalesce(seat.companion, false), seat.stretch, seat.place, seat.nearness,
       coalesce(seat.status, 'AVAILABLE')
  from hall_version plan,
       rows from (jsonb_to_recordset(plan.seats) as (
           section text, row text, seat_number int, seat_label text, seat_guid text, category text, row_index int,
           x float8, y float8, accessible bool, companion bool, stretch int, place int, nearness int, status text))
       with ordinality as seat (
           section, row, seat_number, seat_label, seat_guid, category, row_index,
           x, y, accessible, companion, stretch, place, nearness, status, nth)
 where plan.id = %(plan)s
 order by seat.nth
