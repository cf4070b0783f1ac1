-- The free seats of one date at the prices of their categories, all at once. Locked in order first, as everybody does
-- who locks several; a seat that a fan is just getting is waited for, looked at again, and left at its price.
with free as materialized (
    select id
      from concert_seat
     where concert_schedule_id = %(schedule)s and status in ('AVAILABLE', 'UNAVAILABLE')
       and category = any(%(categories)s)
       and seat_price <> (%(prices)s::jsonb ->> category)::bigint
     order by id
       for no key update)
update concert_seat s
   set seat_price = (%(prices)s::jsonb ->> s.category)::bigint
  from free
 where s.id = free.id
