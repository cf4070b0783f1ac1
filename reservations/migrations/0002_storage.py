"""Room in each page of the table whose rows change most, so that a change stays on its page."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reservations", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE concert_seat SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE concert_seat RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
