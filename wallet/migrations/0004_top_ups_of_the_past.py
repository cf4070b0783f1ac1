from django.conf import settings
from django.db import migrations

# What was credited before top-ups were on record: one each, so that no line of the ledger stands without its own.
BACKFILL = """
insert into top_up (user_id, amount, currency, purpose, reservations, provider, reference, request_hash, idempotency_key,
                    state, entry_id, created_at, expires_at, updated_state_at, receipt_mail_at)
select user_id, amount, %s, 'WALLET', '{}', 'before', 'ledger' || id, coalesce(request_hash, ''), idempotency_key,
       'SUCCEEDED', id, created_at, created_at, created_at, created_at
  from balance_history
 where kind = 'CHARGE'
"""


def backfill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BACKFILL, [settings.CURRENCY])


class Migration(migrations.Migration):
    dependencies = [("wallet", "0003_top_ups")]

    operations = [migrations.RunPython(backfill, migrations.RunPython.noop)]
