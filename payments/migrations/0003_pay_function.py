"""The payment, as a function in the database: one round trip."""

from django.db import migrations

from payments import domain
from concert_site.lib.database import install_sql


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0002_storage"),
        ("reservations", "0003_hold_functions"),
        ("wallet", "0001_initial"),
    ]

    operations = [
        install_sql(domain.__file__, "pay_reservations.sql"),
    ]
