-- The free seats of one date, all at once. Locked in order first, as everybody does who locks several; a seat that a
-- fan is just getting is waited for, looked at again, and left alone.
with free as materialized (
    select id
      from concert_seat
     where concert_schedule_id = %(schedule_id)s and status in ('AVAILABLE', 'UNAVAILABLE')
     order by id
       for update)
delete from concert_seat s
 using free
 where s.id = free.id
