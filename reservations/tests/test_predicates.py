"""The rules that readers share: whoever asks gets one answer."""

from datetime import timedelta
from itertools import product

import pytest
from django.utils.timezone import now

from concert_site.lib.database.statements import fetch_one, sql_beside
from concert_site.lib.errors import DomainError
from payments.queries.sale_figures import read_figures
from queueing.domain.errors import QueueTokenRequired, SaleClosed, SaleNotOpen
from queueing.facts import SaleState
from reservations.domain import waiting_room
from reservations.domain.holds import hold_seats
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.models.concert import IS_ON_SALE, sale_state_at
from reservations.queries import concerts, staff
from reservations.queries.availability import availability_of, room_for_fans
from reservations.queries.onsales import onsales
from reservations.queries.sales import facts_of, inventories, sale_of
from reservations.tests.factories import hold, make_concert, make_fan, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db


def make_hall(letters: str, **columns: object) -> ConcertSchedule:
    """A schedule with a seat a letter: Available, held (T), Lapsed, Reserved, Unavailable."""
    schedule = make_schedule(**columns)
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
    found = concerts.search_concerts(concerts.Filters(state=SaleState.SOLD_OUT))

    assert availability_of(schedule.pk).is_sold_out is is_sold_out
    assert inventories([schedule.pk])[schedule.pk].is_sold_out is is_sold_out
    assert (staff.schedule_state(row) == "SOLD_OUT") is is_sold_out
    assert joining["is_sold_out"] is is_sold_out
    assert found.exists() is is_sold_out


def test_the_seat_of_a_lapsed_hold_is_free_to_all():
    schedule = make_hall("ATLRU")
    row = staff.schedules(ConcertSchedule.objects.filter(pk=schedule.pk)).get()
    (sale,) = onsales()

    assert availability_of(schedule.pk).seats_left == 2
    assert inventories([schedule.pk])[schedule.pk].seats_left == 2
    assert staff.seat_counts(row) == staff.SeatCounts(left=2, held=1, sold=1, off=1)
    assert room_for_fans(schedule.pk, 2, cap=5) == 2
    assert (sale.free, sale.held) == (2, 1)
    assert list(ConcertSeat.objects.lapsed().values_list("seat_label", flat=True)) == ["A-1-3"]


# Hours until a sale opens and closes, the lobby being an hour long, and what its state is while it has seats.
GRID = {
    (-3, -1): "CLOSED",
    (-3, 2): "OPEN",
    (-0.5, 0.5): "OPEN",
    (0.5, 2): "LOBBY",
    (2, 3): "UPCOMING",
}
HOURS = timedelta(hours=1)
# What best available asks before it chooses.
SALE_IS_ON = "select sale_is_on(%(schedule)s, statement_timestamp()) as is_on"


def refusal_of_a_hold(schedule: ConcertSchedule) -> type[DomainError]:
    """What a fan hears who holds a seat without a token."""
    (seat, *_) = ConcertSeat.objects.of_schedule(schedule.pk)
    with pytest.raises(DomainError) as refused:
        hold_seats(user_id=make_fan().pk, schedule=schedule.pk, seats=[seat.pk], queue_token=None)
    return refused.type


# What ends a sale whatever its times are, and what staff call it.
ENDINGS = {
    "": {},
    "UNPUBLISHED": {"is_public": False},
    "CANCELED": {"canceled_at": now(), "change_reason_en": "Ill"},
}


# Whatever the times are; two are enough to see it.
OVERRULED = [times for times in GRID if GRID[times] in ("OPEN", "LOBBY")][1:]


@pytest.mark.parametrize(
    ("times", "is_sold_out", "ending"),
    [*product(GRID, [False, True], [""]), *product(OVERRULED, [False, True], ["UNPUBLISHED", "CANCELED"])],
)
def test_all_readers_agree_where_a_sale_stands(times, is_sold_out, ending):
    opens_in, closes_in = times
    columns = dict(ENDINGS[ending])
    is_public = columns.pop("is_public", True)
    schedule = make_hall(
        "R" if is_sold_out else "A",
        concert=make_concert(status="AVAILABLE" if is_public else "UNAVAILABLE"),
        reservation_available_at=now() + opens_in * HOURS,
        deadline_at=now() + closes_in * HOURS,
        **columns,
    )
    by_time = "CLOSED" if ending else GRID[times]
    state = "SOLD_OUT" if is_sold_out and by_time != "CLOSED" else by_time
    of_staff = ending or state
    rows = ConcertSchedule.objects.all()

    assert facts_of(schedule.pk).state == state
    assert sale_of(schedule.pk).sale_state_at(now(), is_sold_out=is_sold_out) == state
    assert sale_of(schedule.pk).is_open_at(now()) is (by_time == "OPEN")
    assert rows.values_list(sale_state_at(), flat=True).get() == state
    assert rows.filter(IS_ON_SALE).exists() is (by_time == "OPEN")
    assert fetch_one(SALE_IS_ON, {"schedule": schedule.pk})["is_on"] is (by_time == "OPEN")
    (figures,) = read_figures([schedule.pk])
    assert figures.state == state
    told = {"is_public": figures.is_public, "is_canceled": figures.is_canceled}
    assert staff.ScheduleState.of(figures.state, **told) == of_staff
    assert staff.schedule_state(staff.schedules(rows).get()) == of_staff
    assert {each for each in staff.ScheduleState if staff.in_schedule_state(rows, each)} == {of_staff}
    assert {each for each in SaleState if concerts.search_concerts(concerts.Filters(state=each))} == (
        {state} if is_public else set()
    )
    assert [each.is_open for each in onsales()] == ([by_time == "OPEN"] if by_time != "CLOSED" else [])
    assert [each.has_lobby_open for each in onsales() if not each.is_open] == (
        [by_time == "LOBBY"] if by_time in ("LOBBY", "UPCOMING") else []
    )
    assert refusal_of_a_hold(schedule) is {
        "CLOSED": SaleClosed, "LOBBY": SaleNotOpen, "UPCOMING": SaleNotOpen, "OPEN": QueueTokenRequired
    }[by_time]  # fmt: skip


@pytest.mark.parametrize("lobby", [0, 3600])
def test_python_and_postgresql_agree_to_the_microsecond_where_a_sale_stands(lobby, settings):
    settings.LOBBY_SECONDS = lobby
    schedule = make_hall("A", reservation_available_at=now() + HOURS, deadline_at=now() + 2 * HOURS)
    opens_at, deadline_at = schedule.reservation_available_at, schedule.deadline_at
    edges = (opens_at - timedelta(seconds=lobby), opens_at, deadline_at)
    sale = sale_of(schedule.pk)
    found = []

    for at in (edge + microseconds * timedelta(microseconds=1) for edge in edges for microseconds in (-1, 0, 1)):
        found.append(sale.sale_state_at(at, is_sold_out=False))
        assert ConcertSchedule.objects.values_list(sale_state_at(at), flat=True).get() == found[-1]

    before = ["UPCOMING", "LOBBY", "LOBBY", "LOBBY"] if lobby else ["UPCOMING", "OPEN", "OPEN", "UPCOMING"]
    assert found == [*before, "OPEN", "OPEN", "OPEN", "CLOSED", "CLOSED"]
