-- What the map of a schedule shows and a sale doesn't change, as the JSON that goes out.
select s.layout_version,
       json_build_object(
           'layout_version', s.layout_version,
           'layout', s.layout,
           'seats', coalesce((
               select json_agg(seat)
                 from (select id, section, row, seat_number, seat_label, seat_price, category, x, y, accessible
                         from concert_seat
                        where concert_schedule_id = s.id
                        order by id) seat
           ), '[]'))::text as body
  from concert_schedule s
 where s.id = %(schedule_id)s::bigint
