"""Statistics follow a sale closely: a plan made over yesterday's empty table walks whole indexes."""

from django.db import migrations

SET = "ALTER TABLE {} SET (autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0)"
RESET = "ALTER TABLE {} RESET (autovacuum_analyze_threshold, autovacuum_analyze_scale_factor)"
LIVE_TABLES = ("reservation", "payment", "waiting_token")


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("queueing", "0002_storage"),
        ("reservations", "0002_storage"),
    ]

    operations = [migrations.RunSQL(SET.format(table), RESET.format(table)) for table in LIVE_TABLES]
