-- All that a join has to know, in one read: the sale, the fan's live token if there is one, whether anybody waits for
-- the draw, whether a slot looks free with nobody waiting for it, and, where it was asked, whether any seat can still
-- be sold.
--
-- Of those who wait the first in the order of the index is asked for, not whether there is any: where another line has
-- a million, the planner would expect to meet somebody soon wherever it looks, and walk the whole table.
select c.id as concert_id, c.status = 'AVAILABLE' as is_public, s.canceled_at is not null as is_canceled,
       s.reservation_available_at as opens_at, s.deadline_at, s.queue_max_active as max_active,
       s.queue_paused as is_paused,
       message_in_force(s.queue_message, s.queue_message_until,
                        coalesce(%(now)s::timestamptz, statement_timestamp())) as message, s.drawn_at,
       encode(sha256(s.draw_seed), 'hex') as seed_hash,
       lobby.has_lobby,
       coalesce(%(now)s::timestamptz, statement_timestamp()) as read_at,
       t.token, t.status, t.number, t.created_at, t.entered_at, t.expired_at, t.expired_reason,
       -- While a draw is at work it is not asked: each of its numbers would be looked at in vain.
       not lobby.has_lobby
       and (select w.id
              from waiting_token w
             where w.concert_schedule_id = %(schedule)s and w.status = 'WAITING' and w.number is not null
             order by w.concert_schedule_id, w.number
             limit 1) is null
       and not s.queue_paused
       -- The cap bounds the walk: who is beyond it need not be counted.
       and (select count(*)
              from (select from waiting_token a
                     where a.concert_schedule_id = %(schedule)s
                       and token_is_inside(
                           a.status, a.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
                     limit s.queue_max_active) q) < s.queue_max_active as has_free_slot,
       %(check_seats)s::boolean
       and schedule_is_sold_out(%(schedule)s) as is_sold_out
  from concert_schedule s
  join concert c on c.id = s.concert_id
  -- Once the draw is made nobody is without a number, and the draw leaves a dead entry a fan to look at.
  cross join lateral (
    select s.drawn_at is null
           and (select w.id
                  from waiting_token w
                 where w.concert_schedule_id = s.id and w.status = 'WAITING' and w.number is null
                 order by w.concert_schedule_id, w.number
                 limit 1) is not null
           as has_lobby offset 0) lobby
  left join waiting_token t
    on t.user_id = %(fan)s and t.concert_schedule_id = s.id and token_is_live(t.status)
   and not token_has_lapsed(t.status, t.expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
 where s.id = %(schedule)s
