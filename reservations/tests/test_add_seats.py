"""Seats for a schedule that has none: once, all of them, and with a map of a new version."""

import pytest
from django.db import IntegrityError, transaction

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.lib.errors import Conflict, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from reservations.domain.seat_setup import add_seats
from reservations.halls.hall import LONGEST, Hall, plain_hall
from reservations.models import ConcertSeat
from reservations.tests.factories import make_schedule, make_seats


@pytest.mark.django_db
def test_a_schedule_gets_the_seats_and_the_map_of_a_hall():
    schedule = make_schedule()
    hall = plain_hall(45, 50_000)

    assert add_seats(schedule_id=schedule.pk, hall=hall) == 45

    schedule.refresh_from_db()
    assert (schedule.layout, schedule.layout_version) == (hall.layout(), 2)
    seats = list(ConcertSeat.objects.of_schedule(schedule.pk))
    assert [seat.seat_guid for seat in seats] == [plan.guid for plan in hall.seats]
    assert {seat.concert_id for seat in seats} == {schedule.concert_id}
    assert broken_invariants() == {}


@pytest.mark.django_db
def test_a_schedule_with_seats_is_left_alone():
    schedule = make_schedule()
    make_seats(schedule)

    with pytest.raises(Conflict, match=r"This schedule has seats already\."):
        add_seats(schedule_id=schedule.pk, hall=plain_hall(5, 50_000))

    schedule.refresh_from_db()
    assert (schedule.layout_version, schedule.seats.count()) == (1, 1)


@pytest.mark.django_db
def test_an_unknown_schedule_is_not_found():
    with pytest.raises(NotFound):
        add_seats(schedule_id=0, hall=plain_hall(5, 50_000))


@committed
def test_what_breaks_in_the_middle_leaves_nothing():
    schedule = make_schedule()
    hall = plain_hall(2_001, 50_000)
    # The last seat, after thousands that were taken, stands where the first one does.
    broken = Hall(100, 100, hall.categories, [*hall.seats[:-1], hall.seats[0]])

    with pytest.raises(IntegrityError, match="seat_place_once"):
        add_seats(schedule_id=schedule.pk, hall=broken)

    schedule.refresh_from_db()
    assert (schedule.layout_version, schedule.seats.count()) == (1, 0)


@committed
def test_of_two_who_add_seats_at_once_the_second_is_refused():
    schedule = make_schedule()
    with transaction.atomic():
        add_seats.__wrapped__(schedule_id=schedule.pk, hall=plain_hall(5, 50_000))
        other = start_behind(lambda: add_seats(schedule_id=schedule.pk, hall=plain_hall(7, 50_000)))

    with pytest.raises(Conflict):
        other.result(timeout=60)

    assert schedule.seats.count() == 5


@pytest.mark.django_db
def test_a_hall_of_20000_seats_takes_few_statements(django_assert_max_num_queries):
    schedule = make_schedule()

    with django_assert_max_num_queries(6):
        add_seats(schedule_id=schedule.pk, hall=plain_hall(20_000, 50_000))


def test_the_longest_texts_of_a_plan_fit_their_columns():
    columns = {"section": "section", "row": "row", "label": "seat_label", "guid": "seat_guid", "category": "category"}

    assert {kind: ConcertSeat._meta.get_field(column).max_length for kind, column in columns.items()} == LONGEST
