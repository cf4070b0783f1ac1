"""Admission, as a function in the database: one round trip."""

from django.db import migrations

from queueing import domain
from concert_site.lib.database import install_sql


class Migration(migrations.Migration):
    dependencies = [("queueing", "0002_storage"), ("reservations", "0002_storage")]

    operations = [
        install_sql(domain.__file__, "admit_waiting.sql"),
    ]
