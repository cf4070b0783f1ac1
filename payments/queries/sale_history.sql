-- How much each figure of these sales grew in each of the last thirty minutes, by the times on the rows: one row a sale
-- and minute in which anything happened, the minute that has just passed being 0.
--
-- For who watches a sale that nobody has watched until now; from then on the figures themselves are remembered.
with happened as (
  select t.concert_schedule_id as schedule_id, e.*
    from waiting_token t
    cross join lateral (values
      (t.created_at, 1, 0, 0, 0),
      (coalesce(t.updated_active_at, t.expired_at), -1, 0, 0, 0),
      (t.updated_active_at, 0, 1, 0, 0),
      (case when t.updated_active_at is not null and t.status = 'EXPIRED' then t.expired_at end, 0, -1, 0, 0),
      (t.entered_at, 0, 0, 1, 0),
      (case when t.expired_reason = 'NO_SHOW' then t.expired_at end, 0, 0, 0, 1))
      as e (at, waiting, inside, entered, no_shows)
   where t.concert_schedule_id = any(%(schedules)s::bigint[])
     and e.at between statement_timestamp() - interval '30 minutes' and statement_timestamp()),
grown as (
  select schedule_id, floor(extract(epoch from statement_timestamp() - at) / 60)::int as minute,
         sum(waiting) as waiting, sum(inside) as inside, sum(entered) as entered, sum(no_shows) as no_shows,
         0 as sold, 0 as revenue
    from happened
   group by 1, 2
  union all
  select x.concert_schedule_id, floor(extract(epoch from statement_timestamp() - x.reserved_at) / 60)::int,
         0, 0, 0, 0, count(*), sum(p.price)
    from concert_seat x
    join reservation r on r.concert_seat_id = x.id and r.status = 'RESERVED'
    join payment p on p.reservation_id = r.id and p.state = 'COMPLETED'
   where x.concert_schedule_id = any(%(schedules)s::bigint[])
     and x.reserved_at between statement_timestamp() - interval '30 minutes' and statement_timestamp()
   group by 1, 2)
select schedule_id, minute, sum(waiting)::bigint as waiting, sum(inside)::bigint as inside,
       sum(entered)::bigint as entered, sum(no_shows)::bigint as no_shows, sum(sold)::bigint as sold,
       sum(revenue)::bigint as revenue
  from grown
 where minute < 30
 group by schedule_id, minute
