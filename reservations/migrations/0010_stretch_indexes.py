"""The indexes by which best available walks a hall, built once the seats have their places."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reservations", "0009_places_of_seats")]

    operations = [
        migrations.AddIndex(
            "concertseat", models.Index(fields=["concert_schedule", "stretch"], name="seat_stretch")
        ),
        migrations.AddIndex(
            "concertseat",
            models.Index(fields=["concert_schedule", "category", "stretch"], name="seat_category_stretch"),
        ),
        migrations.AddIndex(
            "concertseat",
            models.Index(fields=["concert_schedule", "section", "stretch"], name="seat_section_stretch"),
        ),
    ]
