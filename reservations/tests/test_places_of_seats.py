"""Where seats stand among their neighbours, as columns: when a hall is copied, and in a database from before."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from concert_site.lib.database.statements import sql_beside
from reservations.domain import seat_setup
from reservations.halls.curved import curved_hall
from reservations.models import ConcertSeat
from reservations.tests.factories import make_schedule
from reservations.tests.halls import make_hall_sale

pytestmark = pytest.mark.django_db


def places(schedule_id):
    return list(ConcertSeat.objects.of_schedule(schedule_id).values_list("companion", "stretch", "place", "nearness"))


def test_a_copy_of_a_hall_has_the_same_places():
    sale, copy = make_hall_sale(seats=60), make_schedule()

    with connection.cursor() as cursor:
        cursor.execute(sql_beside(seat_setup.__file__, "copy_seats.sql"), {"source": sale.pk, "copy": copy.pk})

    assert places(copy.pk) == places(sale.pk)


def test_seats_from_before_get_the_places_that_new_ones_have():
    sales = [make_hall_sale(seats=60), make_hall_sale(curved_hall())]
    before = [places(sale.pk) for sale in sales]
    ConcertSeat.objects.update(stretch=0, place=0, nearness=0)

    import_module("reservations.migrations.0009_places_of_seats").place_seats(apps, connection.schema_editor())

    assert [places(sale.pk) for sale in sales] == before
    assert len(set(before[1])) == len(before[1])
