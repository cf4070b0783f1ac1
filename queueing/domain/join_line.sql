with
-- An ACTIVE token whose time is over is no token: it is closed, so that its place under the unique index is free.
lapsed as (
    update waiting_token
       set status = 'EXPIRED', expired_reason = token_lapse_reason(entered_at)
     where user_id = %(fan)s and concert_schedule_id = %(schedule)s
       and token_has_lapsed(status, expired_at, coalesce(%(now)s::timestamptz, statement_timestamp()))
    returning id)
-- Always WAITING: only admission makes a fan ACTIVE. No row comes back if the fan has a live token by now, or
-- if the number is taken. (Counting `lapsed` makes the insert wait for it.)
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at)
select %(fan)s, %(schedule)s, %(token)s, 'WAITING', %(number)s::bigint,
       coalesce(%(now)s::timestamptz, statement_timestamp())
 where (select count(*) from lapsed) >= 0
on conflict do nothing
returning id, token, number, created_at
