with
-- An ACTIVE token whose time is over is no token: it is closed, so that its place under the unique index is free.
lapsed as (
    update waiting_token
       set status = 'EXPIRED', expired_reason = token_lapse_reason(entered_at)
     where user_id = %(fan)s and concert_schedule_id = %(schedule)s
       and token_has_lapsed(status, expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
    returning id)
-- Always WAITING: only admission makes a fan ACTIVE. No row comes back if the fan has a live token by now, if
-- the number is taken, or if the account was closed: who erases it has its row locked, and once we have waited for that
-- it is looked at again. (The foreign key would take the same lock with the commit, and look at nothing. Counting `lapsed`
-- makes the insert wait for it.)
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at)
select u.id, %(schedule)s, %(token)s, 'WAITING', %(number)s::bigint,
       coalesce(%(now)s::timestamptz, statement_timestamp())
  from users u
 where u.id = %(fan)s and u.is_active and (select count(*) from lapsed) >= 0
   for key share of u
on conflict do nothing
returning id, token, number, created_at
