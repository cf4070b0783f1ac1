"""The seats that were there before their neighbours were known."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from reservations.halls.adjoining import Spot, places_of
from reservations.halls.areas import Point, stage_in_layout

SEATS = """
SELECT id, section, "row", seat_number, x, y FROM concert_seat WHERE concert_schedule_id = %s ORDER BY id
"""
PLACED = "CREATE TEMPORARY TABLE placed (id bigint, stretch int, place int, nearness int) ON COMMIT DROP"
SET_PLACES = """
UPDATE concert_seat s SET stretch = p.stretch, place = p.place, nearness = p.nearness FROM placed p WHERE s.id = p.id
"""


def place_seats(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give every seat its place, a schedule at a time."""
    layouts = apps.get_model("reservations", "ConcertSchedule").objects.values_list("pk", "layout")
    with editor.connection.cursor() as cursor:
        cursor.execute(PLACED)
        for schedule_id, layout in layouts:
            cursor.execute(SEATS, [schedule_id])
            place_those(cursor, cursor.fetchall(), stage_in_layout(layout))
        cursor.execute("ANALYZE placed")
        cursor.execute(SET_PLACES)


def place_those(cursor, seats, stage: Point) -> None:
    places = places_of([Spot(*names) for _id, *names in seats], stage)
    with cursor.copy("COPY placed FROM STDIN") as rows:
        for (seat_id, *_names), place in zip(seats, places, strict=True):
            rows.write_row((seat_id, place.stretch, place.place, place.nearness))


class Migration(migrations.Migration):
    dependencies = [("reservations", "0008_adjoining_seats")]

    operations = [migrations.RunPython(place_seats, migrations.RunPython.noop)]
