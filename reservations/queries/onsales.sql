-- The sales that are open, and those that open next, each with its seats and its fans: one round trip.
with listed as (
  (select s.id, true as is_open
     from concert_schedule s join concert c on c.id = s.concert_id
    where sale_refusal(c.status, s.canceled_at, s.reservation_available_at, s.deadline_at, statement_timestamp())
          is null
    order by s.concert_at, s.id limit %(most)s::int)
  union all
  (select s.id, false
     from concert_schedule s join concert c on c.id = s.concert_id
    where sale_refusal(c.status, s.canceled_at, s.reservation_available_at, s.deadline_at, statement_timestamp())
          = 'sale_not_open'
    order by s.reservation_available_at, s.id limit %(most)s::int))
select l.id as schedule_id, l.is_open, c.name as concert_name, v.time_zone, s.concert_at, s.reservation_available_at,
       s.deadline_at, s.queue_paused as is_paused, s.queue_max_active as most_inside,
       s.drawn_at, statement_timestamp() as read_at, seats.sold, seats.held, seats.free, line.waiting, line.gathered,
       admitted.inside,
       -- Looked at more closely only where it seems so: whoever left a moment ago has made room just now.
       case when l.is_open and not s.queue_paused and s.drawn_at is not null
                 and line.waiting > line.gathered and admitted.inside < least(s.queue_max_active, seats.free)
            then (select min(created_at) < recent.since
                    from (select created_at from waiting_token
                           where concert_schedule_id = s.id and status = 'WAITING' and number is not null
                           order by number limit 1) first_waiting)
                 and not exists (
                   select from waiting_token
                    where concert_schedule_id = s.id and status in ('ACTIVE', 'EXPIRED')
                      and (updated_active_at > recent.since
                           or expired_at between recent.since and statement_timestamp()))
            else false
       end as is_stalled
  from listed l
  join concert_schedule s on s.id = l.id
  join concert c on c.id = s.concert_id
  left join venue v on v.id = c.venue_id
  cross join lateral (select statement_timestamp() - make_interval(secs => %(idle_seconds)s) as since) recent
  cross join lateral (
    select count(*) filter (where status = 'RESERVED') as sold,
           count(*) filter (where seat_is_held(status, expired_at, statement_timestamp())) as held,
           count(*) filter (where seat_is_free(status, expired_at, statement_timestamp())) as free
      from concert_seat where concert_schedule_id = s.id) seats
  -- A count for each of the two, since each has an index of its own; a number is in the first.
  cross join lateral (
    select count(*) as waiting, count(*) - count(number) as gathered
      from waiting_token where concert_schedule_id = s.id and status = 'WAITING') line
  cross join lateral (
    select count(*) as inside
      from waiting_token
     where concert_schedule_id = s.id and token_is_inside(status, expired_at, statement_timestamp())) admitted
 order by l.is_open desc, case when l.is_open then s.concert_at else s.reservation_available_at end, s.id
