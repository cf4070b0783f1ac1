"""The hold, as a function in the database: one round trip."""

from django.db import migrations

from reservations import domain
from concert_site.lib.database import install_sql


class Migration(migrations.Migration):
    dependencies = [("reservations", "0002_storage"), ("queueing", "0002_storage")]

    operations = [
        install_sql(domain.__file__, "hold_steps.sql"),
        install_sql(domain.__file__, "hold_seats.sql"),
    ]
