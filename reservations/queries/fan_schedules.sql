-- What one fan has of each of these schedules: a place in the line, seats held, seats paid. One look into an
-- index for each; the references are those of the newest booking.
select asked.id as schedule_id,
       exists (select from waiting_token t
                where t.user_id = %(fan)s::bigint and t.concert_schedule_id = asked.id
                  and t.status = 'WAITING') as is_waiting,
       exists (select from waiting_token t
                where t.user_id = %(fan)s::bigint and t.concert_schedule_id = asked.id
                  and t.status = 'WAITING' and t.number is null) as is_in_lobby,
       exists (select from waiting_token t
                where t.user_id = %(fan)s::bigint and t.concert_schedule_id = asked.id
                  and token_is_inside(t.status, t.expired_at, statement_timestamp())) as is_inside,
       own.held, own.held_reference, own.tickets, own.tickets_reference
  from unnest(%(schedule_ids)s::bigint[]) as asked(id)
 cross join lateral (
    select count(*) filter (where r.status = 'RESERVING') as held,
           (array_agg(r.booking_reference order by r.id desc)
              filter (where r.status = 'RESERVING'))[1] as held_reference,
           count(*) filter (where r.status = 'RESERVED') as tickets,
           (array_agg(r.booking_reference order by r.id desc)
              filter (where r.status = 'RESERVED'))[1] as tickets_reference
      from reservation r
     where r.user_id = %(fan)s::bigint and r.concert_schedule_id = asked.id
       and reservation_is_live(r.status, r.expired_at, statement_timestamp())
 ) own
