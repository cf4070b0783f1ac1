"""Room in each page of the table whose rows change most, so that a change stays on its page."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("queueing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE waiting_token SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE waiting_token RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
