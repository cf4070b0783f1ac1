"""The lobby and the draw, as functions in the database: one round trip each."""

from django.db import migrations

from queueing import domain
from concert_site.lib.database import install_sql


class Migration(migrations.Migration):
    dependencies = [("queueing", "0003_admit_function"), ("reservations", "0002_storage")]

    operations = [
        install_sql(domain.__file__, "lobby.sql"),
        install_sql(domain.__file__, "draw_line.sql"),
        install_sql(domain.__file__, "admit_waiting.sql"),
    ]
