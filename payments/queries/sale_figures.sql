-- How these sales stand, for staff who watch them: one row a sale, in one round trip.
--
-- Every figure is counted, none is kept as a total: a total that each payment changes would make all of them wait for
-- one another. It walks the hall's seats, the line's tokens and the payments of what is sold, so it is asked at most
-- once in two seconds (sale_snapshots.py).
select s.id as schedule_id, s.concert_id, c.name as concert_name, v.time_zone, c.status = 'AVAILABLE' as is_public,
       s.canceled_at is not null as is_canceled, schedule_is_sold_out(s.id) as is_sold_out,
       s.concert_at, s.reservation_available_at as opens_at, s.deadline_at, s.drawn_at,
       s.queue_paused as is_paused,
       s.queue_max_active as most_inside, s.tickets_per_fan,
       message_in_force(s.queue_message, s.queue_message_until, statement_timestamp()) as message,
       case when s.queue_message_until > statement_timestamp() then s.queue_message_until end as message_until,
       statement_timestamp() as read_at,
       line.*, seats.*, money.*
  from unnest(%(schedules)s::bigint[]) as wanted (id)
  join concert_schedule s on s.id = wanted.id
  join concert c on c.id = s.concert_id
  left join venue v on v.id = c.venue_id
  cross join lateral (
    select count(*) filter (where t.status = 'WAITING') as waiting,
           count(*) filter (where t.status = 'WAITING' and t.number is null) as gathered,
           count(*) filter (where token_is_inside(t.status, t.expired_at, statement_timestamp())) as inside,
           count(t.entered_at) as entered,
           -- Let in and never came; one whose time has just run out is tidied up by the next tick.
           count(*) filter (where token_end_reason(t.status, t.expired_reason, t.entered_at, t.expired_at,
                                                   statement_timestamp()) = 'NO_SHOW') as no_shows,
           count(*) filter (where t.created_at > statement_timestamp() - interval '1 minute') as joined_lately,
           count(*) filter (where t.updated_active_at > statement_timestamp() - interval '1 minute')
             as admitted_lately,
           count(*) filter (where t.entered_at > statement_timestamp() - interval '1 minute') as entered_lately,
           count(*) filter (where token_end_reason(t.status, t.expired_reason, t.entered_at, t.expired_at,
                                                   statement_timestamp()) = 'NO_SHOW'
                              and t.expired_at > statement_timestamp() - interval '1 minute') as no_shows_lately
      from waiting_token t
     where t.concert_schedule_id = s.id) line
  cross join lateral (
    select coalesce(sum(each.sold), 0)::bigint as sold, coalesce(sum(each.held), 0)::bigint as held,
           coalesce(sum(each.remaining), 0)::bigint as remaining, coalesce(sum(each.off), 0)::bigint as off,
           coalesce(sum(each.sold_lately), 0)::bigint as sold_lately,
           coalesce(sum(each.sold_in_five), 0)::bigint as sold_in_five,
           coalesce(json_agg(json_build_object('category', each.category, 'price', each.seat_price, 'sold', each.sold,
                                               'held', each.held, 'left', each.remaining, 'off', each.off)
                             order by each.seat_price desc, each.category), '[]'::json) as categories
      from (
        select category, seat_price,
               count(*) filter (where status = 'RESERVED') as sold,
               count(*) filter (where seat_is_held(status, expired_at, statement_timestamp())) as held,
               count(*) filter (where seat_is_free(status, expired_at, statement_timestamp())) as remaining,
               count(*) filter (where status = 'UNAVAILABLE') as off,
               count(*) filter (where reserved_at > statement_timestamp() - interval '1 minute') as sold_lately,
               count(*) filter (where reserved_at > statement_timestamp() - interval '5 minutes') as sold_in_five
          from concert_seat
         where concert_schedule_id = s.id
         group by category, seat_price) each) seats
  cross join lateral (
    -- What is paid and not refunded: each sold seat has one such payment, whatever its price is today.
    select coalesce(sum(p.price), 0)::bigint as revenue,
           coalesce(sum(p.price) filter (where p.created_at > statement_timestamp() - interval '1 minute'), 0)::bigint
             as revenue_lately
      from concert_seat x
      join reservation r on r.concert_seat_id = x.id and r.status = 'RESERVED'
      join payment p on p.reservation_id = r.id and p.state = 'COMPLETED'
     where x.concert_schedule_id = s.id and x.status = 'RESERVED') money
 order by array_position(%(schedules)s::bigint[], s.id)
