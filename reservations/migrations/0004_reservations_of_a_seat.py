"""The index that allows one live reservation a seat holds all of them, so that those of a seat are found by it."""

from django.db import migrations, models
from django.db.models import Case, F, Value, When


class Migration(migrations.Migration):
    dependencies = [("reservations", "0003_hold_functions")]

    operations = [
        migrations.RemoveConstraint("reservation", "reservation_one_live"),
        migrations.AddConstraint(
            "reservation",
            models.UniqueConstraint(
                F("concert_seat"),
                Case(When(status__in=["RESERVING", "RESERVED"], then=Value(True))),
                name="reservation_one_live",
            ),
        ),
    ]
