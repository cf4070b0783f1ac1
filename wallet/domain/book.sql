-- Change one balance and write the line that explains it: one statement, so neither stands without the other.
-- No row: the fan has no balance yet, or the guard refused.
with changed as (
  -- The guard and the write are one, so two bookings can't both pass on the same money.
  update balance
     set amount = amount + %(amount)s::bigint,
         last_updated_at = coalesce(%(now)s::timestamptz, statement_timestamp())
   where user_id = %(user_id)s::bigint
     and amount + %(amount)s::bigint between 0 and %(most)s::bigint
  returning id, user_id, amount, last_updated_at)
-- The balance stays locked until the end of the transaction, so a fan's entries are numbered in the order in
-- which they changed it, and amount_after is the running sum.
insert into balance_history (balance_id, user_id, kind, amount, amount_after, payment_id, idempotency_key,
                             request_hash, note, actor_id, created_at, updated_at)
select id, user_id, %(kind)s::text, %(amount)s::bigint, amount, %(payment_id)s::bigint, %(idempotency_key)s::text,
       %(request_hash)s::text, %(note)s::text, %(actor_id)s::bigint, last_updated_at, last_updated_at
  from changed
returning id, balance_id, user_id, kind, amount, amount_after, payment_id, idempotency_key, request_hash, note,
          actor_id, created_at, updated_at
