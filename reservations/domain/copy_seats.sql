-- The seats of one date for another, in the same order, one statement whatever the size of the hall. Nobody has
-- them; those that were off sale are off sale.
insert into concert_seat (
    concert_id, concert_schedule_id, section, row, seat_number, seat_label, seat_guid, seat_price, category, row_index,
    x, y, accessible, companion, stretch, place, nearness, status)
select concert_id, %(copy)s, section, row, seat_number, seat_label, seat_guid, seat_price, category, row_index,
       x, y, accessible, companion, stretch, place, nearness,
       case status when 'UNAVAILABLE' then status else 'AVAILABLE' end
  from concert_seat
 where concert_schedule_id = %(source)s
 order by id
