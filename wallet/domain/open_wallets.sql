-- Open a balance for each of these fans and write the top-up that explains it; a fan who has one already is an error.
with opened as (
  insert into balance (user_id, amount, last_updated_at)
  select fan, %(amount)s::bigint, statement_timestamp()
    from unnest(%(user_ids)s::bigint[]) as fan
  returning id, user_id, amount, last_updated_at),
booked as (
  insert into balance_history (balance_id, user_id, kind, amount, amount_after, note, created_at, updated_at)
  select id, user_id, 'CHARGE', amount, amount, %(note)s::text, last_updated_at, last_updated_at
    from opened
  returning id, user_id, amount, created_at)
insert into top_up (user_id, amount, currency, purpose, reservations, provider, reference, request_hash, state, entry_id,
                    created_at, expires_at, updated_state_at, receipt_mail_at)
select user_id, amount, %(currency)s::text, 'WALLET', '{}', 'rehearsal', replace(gen_random_uuid()::text, '-', ''), '',
       'SUCCEEDED', id, created_at, created_at, created_at, created_at
  from booked
returning id
