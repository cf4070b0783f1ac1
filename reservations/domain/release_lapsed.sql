with
-- Lapsed holds, oldest first, through the small index of RESERVING rows; the last batch stopped at
-- (after_at, after_id). The seat is locked, as by everyone who changes its reservation; one that is locked
-- already is being paid or taken over this moment, and left to that.
due as materialized (
    select r.id, r.expired_at, s.id as seat_id
      from reservation r join concert_seat s on s.id = r.concert_seat_id
     where reservation_has_lapsed(r.status, r.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
       and (r.expired_at, r.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)
       and s.user_id = r.user_id
       and seat_has_lapsed(s.status, s.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
     order by r.expired_at, r.id
     limit %(batch)s::int
       for no key update of s skip locked),
-- Looked at again on the row as it is now: who paid meanwhile keeps it.
lapsed as (
    update reservation r
       set status = 'CANCELED', updated_state_at = coalesce(%(now)s::timestamptz, statement_timestamp())
      from due
     where r.id = due.id and r.status = 'RESERVING'
    returning due.seat_id),
freed as (
    update concert_seat s
       set status = 'AVAILABLE', user_id = null, expired_at = null
      from lapsed
     where s.id = lapsed.seat_id
    returning s.id)
select (select count(*) from freed) as freed,
       (select count(*) from due) as seen,
       (select max(due.expired_at) from due) as after_at,
       (select due.id from due order by due.expired_at desc, due.id desc limit 1) as after_id
