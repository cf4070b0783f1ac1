"""The rules that readers share: whoever asks gets one answer."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from concert_site.lib.database.statements import fetch_one, sql_beside
from queueing.facts import SaleState
from reservations.domain import waiting_room
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.queries import concerts, staff
from reservations.queries.availability import availability_of, room_for_fans
from reservations.queries.onsales import onsales
from reservations.tests.factories import hold, make_fan, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db


def make_hall(letters: str) -> ConcertSchedule:
    """A schedule with a seat a letter: Available, held (T), Lapsed, Reserved, Unavailable."""
    schedule = make_schedule()
    for letter, seat in zip(letters, make_seats(schedule, len(letters)), strict=True):
        match letter:
            case "T":
                hold(seat)
            case "L":
                hold(seat, until=now() - timedelta(seconds=1))
            case "R":
                reserve(seat)
            case "U":
                ConcertSeat.objects.filter(pk=seat.pk).move("AVAILABLE", "UNAVAILABLE")
    return schedule


@pytest.mark.parametrize(
    ("hall", "is_sold_out"),
    [("", False), ("U", False), ("R", True), ("RU", True), ("RT", False), ("RA", False), ("RL", False)],
)
def test_sold_out_is_when_every_seat_on_sale_is_paid_and_there_is_one(hall, is_sold_out):
    schedule = make_hall(hall)
    row = staff.schedules(ConcertSchedule.objects.filter(pk=schedule.pk)).get()
    asked = {"fan": make_fan().pk, "schedule": schedule.pk, "check_seats": True, "now": None}
    joining = fetch_one(sql_beside(waiting_room.__file__, "join_facts.sql"), asked)
    found = ConcertSchedule.objects.filter(concerts.in_state(SaleState.SOLD_OUT))

    assert availability_of(schedule.pk).is_sold_out is is_sold_out
    assert concerts.inventories([schedule.pk])[schedule.pk].is_sold_out is is_sold_out
    assert (staff.schedule_state(row) == "SOLD_OUT") is is_sold_out
    assert joining["is_sold_out"] is is_sold_out
    assert found.exists() is is_sold_out


def test_the_seat_of_a_lapsed_hold_is_free_to_all():
    schedule = make_hall("ATLRU")
    row = staff.schedules(ConcertSchedule.objects.filter(pk=schedule.pk)).get()
    (sale,) = onsales()

    assert availability_of(schedule.pk).seats_left == 2
    assert concerts.inventories([schedule.pk])[schedule.pk].seats_left == 2
    assert staff.seat_counts(row) == staff.SeatCounts(left=2, held=1, sold=1, off=1)
    assert room_for_fans(schedule.pk, 2, cap=5) == 2
    assert (sale.free, sale.held) == (2, 1)
    assert list(ConcertSeat.objects.lapsed().values_list("seat_label", flat=True)) == ["A-1-3"]
