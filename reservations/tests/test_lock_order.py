"""Whoever locks several rows does so in one order, so that nobody waits for who waits for them.

Each test was seen to deadlock with the order of before.
"""

import time
from concurrent.futures import Future
from functools import partial

import pytest
from django.db import connection, transaction

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import run
from reservations.domain import holds, seat_setup, seats
from reservations.domain.seats import ChangedSeats
from reservations.halls.hall import Category
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.tests.factories import make_fan
from reservations.tests.scenes import NOW, hold, make_sale, statuses

VIP = Category("VIP", "#2563eb", 99_000)
# Places of deleted rows, nearer to the front of the table, that a changed row may take first.
MOST_GAPS = 500

pytestmark = committed


def start_third(step) -> Future[object]:
    """Start a step behind one that waits for us; return once both wait."""
    future = start_behind(step)
    deadline = time.monotonic() + 60
    while waiting() < 2:
        assert time.monotonic() < deadline, f"it does not wait: {future}"
        time.sleep(0.01)
    return future


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda sale: seats.change_category(schedule_id=sale.pk, seat_ids=sale.seats, category=VIP),
        lambda sale: seats.mark(seat_ids=sale.seats, accessible=True),
    ],
    ids=["change_category", "mark_accessible"],
)
def test_seats_are_changed_while_others_remove_them(change):
    sale = make_sale(seats=3)

    with transaction.atomic():
        ConcertSchedule.objects.select_for_update(no_key=True).get(pk=sale.pk)
        removing = start_behind(partial(seat_setup.remove_seats, schedule_id=sale.pk))
        changing = start_third(partial(change, sale))

    assert removing.result(timeout=60) == 3
    assert changing.result(timeout=60) == ChangedSeats(changed=0, skipped=3)


@pytest.fixture
def _tables_are_read_as_they_lie():
    """As PostgreSQL reads a table of which it wants most: from one end to the other."""
    database = connection.settings_dict["NAME"]
    scans = ("enable_indexscan", "enable_bitmapscan")
    run(*(f'alter database "{database}" set {scan} = off' for scan in scans))
    yield
    run(*(f'alter database "{database}" reset {scan}' for scan in scans))


def put_last(seat_id):
    """Have a seat lie behind the others in the table, where an UPDATE of several finds it last."""
    for _ in range(MOST_GAPS):
        run(f"update concert_seat set x = x + 1 where id = {seat_id}")
        with connection.cursor() as cursor:
            cursor.execute("select id from concert_seat order by ctid desc limit 1")
            if cursor.fetchone() == (seat_id,):
                return
    raise AssertionError("The seat doesn't come to lie last.")


@pytest.mark.usefixtures("_tables_are_read_as_they_lie")
def test_held_seats_are_marked_while_they_are_given_back():
    sale, fan = make_sale(seats=2), make_fan()
    booking = hold(fan, sale, 0, 1)
    put_last(sale.seats[0])

    with transaction.atomic():
        ConcertSeat.objects.select_for_update(no_key=True).get(pk=sale.seats[0])
        giving = start_behind(
            partial(holds.release_booking, reference=booking.reference, user_id=fan.pk, now=NOW),
        )
        marking = start_third(partial(seats.mark, seat_ids=sale.seats, accessible=True))

    assert giving.result(timeout=60) == 2
    assert marking.result(timeout=60) == ChangedSeats(changed=2, skipped=0)
    assert statuses(sale) == "AA"
    assert broken_invariants() == {}
