"""How long what nobody needs is kept, in days; 0 for ever. Payments and the ledger are never taken."""

from concert_site.settings.base import env

# A hold that was given back counts for a day (HOLD_COOLDOWN_FREE); apps repeat requests for minutes.
KEEP_QUEUE_TOKENS_DAYS = env.whole("KEEP_QUEUE_TOKENS_DAYS", default=0, least=0)
KEEP_CANCELED_HOLDS_DAYS = env.days_to_keep("KEEP_CANCELED_HOLDS_DAYS", default=0, least=2)
KEEP_IDEMPOTENCY_KEYS_DAYS = env.days_to_keep("KEEP_IDEMPOTENCY_KEYS_DAYS", default=0, least=2)
# Providers repeat a message for days, and theirs is known by its number.
KEEP_PROVIDER_EVENTS_DAYS = env.days_to_keep("KEEP_PROVIDER_EVENTS_DAYS", default=0, least=30)
KEEP_NETWORKS_DAYS = env.whole("KEEP_NETWORKS_DAYS", default=0, least=0)
KEEP_TRACE_DAYS = env.whole("KEEP_TRACE_DAYS", default=0, least=0)
KEEP_SPENT_PROOFS_DAYS = env.whole("KEEP_SPENT_PROOFS_DAYS", default=1, least=0)
KEEP_UNUSED_ACCOUNTS_YEARS = env.whole("KEEP_UNUSED_ACCOUNTS_YEARS", default=0, least=0)
