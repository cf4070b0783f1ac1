-- The seats of a date as the value that a plan of the library keeps: what is sold, held or priced there doesn't come along.
select jsonb_agg(
           jsonb_build_object(
               'section', section, 'row', row, 'seat_number', seat_number, 'seat_label', seat_label,
               'seat_guid', seat_guid, 'category', category, 'row_index', row_index, 'x', x, 'y', y,
               'stretch', stretch, 'place', place, 'nearness', nearness)
           || case when accessible then '{"accessible": true}' else '{}' end::jsonb
           || case when companion then '{"companion": true}' else '{}' end::jsonb
           || case status when 'UNAVAILABLE' then '{"status": "UNAVAILABLE"}' else '{}' end::jsonb
           order by id) as seats
  from concert_seat
 where concert_schedule_id = %(schedule)s
