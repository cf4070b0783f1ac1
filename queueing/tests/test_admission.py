"""Who comes in, and when a slot is free."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from concert_site.tests.audited import broken_invariants
from queueing.domain import admission
from queueing.models import WaitingToken
from queueing.tests.factories import ENTRY, NOW, STAY, make_active, make_line, numbers_of, reasons_of
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule

# How long a number may be missing before nobody is expected to have it.
A_MOMENT = timedelta(seconds=0.5)
TICK = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def admit(schedule, **facts):
    return admission.admit(schedule.pk, **{"now": NOW} | facts)


def test_the_lowest_numbers_come_in_up_to_the_cap():
    schedule = make_schedule(queue_max_active=3)
    make_line(schedule, 5)

    moved = admit(schedule)

    assert moved == admission.Admission(admitted=3, serving=3, lapsed=0, active=3)
    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3]
    assert numbers_of(schedule, "WAITING") == [4, 5]


def test_the_admitted_have_the_time_to_enter():
    schedule = make_schedule()
    make_line(schedule, 1)

    admit(schedule)

    token = WaitingToken.objects.get()
    assert (token.updated_active_at, token.entered_at, token.expired_at) == (NOW, None, NOW + ENTRY)


def test_the_joiner_counts_as_entered_and_nobody_else():
    schedule = make_schedule()
    first, joiner = make_line(schedule, 2)

    admit(schedule, joiner=joiner.pk)

    first.refresh_from_db()
    joiner.refresh_from_db()
    assert (first.entered_at, first.expired_at) == (None, NOW + ENTRY)
    assert (joiner.entered_at, joiner.expired_at) == (NOW, NOW + STAY)


def test_admit_twice_admits_once():
    schedule = make_schedule(queue_max_active=2)
    make_line(schedule, 4)
    admit(schedule)

    assert admit(schedule) == admission.Admission(admitted=0, serving=None, lapsed=0, active=2)
    assert numbers_of(schedule, "ACTIVE") == [1, 2]


def test_behind_a_number_that_is_missing_nobody_is_let_in_for_a_moment():
    """Whoever has it may be on the way into the line."""
    schedule = make_schedule(queue_max_active=10)
    tokens = make_line(schedule, 6)
    WaitingToken.objects.filter(pk=tokens[2].pk).delete()

    assert admit(schedule).admitted == 2
    assert admit(schedule, now=NOW + A_MOMENT - TICK).admitted == 0
    # Here they are.
    WaitingToken.objects.create(user=tokens[2].user, concert_schedule=schedule, number=3, created_at=NOW)
    admit(schedule, now=NOW + A_MOMENT - TICK)

    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3, 4, 5, 6]
    assert broken_invariants() == {}


@pytest.mark.parametrize("missing", [1, 3])
def test_a_number_that_nobody_has_holds_the_line_up_for_no_longer(missing):
    schedule = make_schedule(queue_max_active=10)
    make_line(schedule, 5)
    WaitingToken.objects.filter(number=missing).delete()
    admit(schedule)

    admit(schedule, now=NOW + A_MOMENT)

    assert numbers_of(schedule, "WAITING") == []
    assert len(numbers_of(schedule, "ACTIVE")) == 4


def test_the_gap_in_front_of_the_first_who_waits_counts_from_who_has_gone_before():
    schedule = make_schedule(queue_max_active=10)
    tokens = make_line(schedule, 4)
    admit(schedule, now=NOW)
    WaitingToken.objects.filter(pk=tokens[3].pk).update(status="EXPIRED", expired_reason="LEFT")
    behind = make_line(schedule, 2)
    WaitingToken.objects.filter(pk=behind[1].pk).update(number=7)

    assert admit(schedule).admitted == 1
    assert numbers_of(schedule, "WAITING") == [7]


def test_no_shows_and_those_whose_time_is_over_make_room():
    schedule = make_schedule(queue_max_active=3)
    make_active(schedule, until=NOW, is_inside=False)
    make_active(schedule, until=NOW)
    make_active(schedule, until=NOW + timedelta(microseconds=1))
    make_line(schedule, 5)

    moved = admit(schedule)

    assert moved == admission.Admission(admitted=2, serving=5, lapsed=2, active=3)
    assert reasons_of(schedule) == {1: "NO_SHOW", 2: "TIME_OVER"}
    assert numbers_of(schedule, "ACTIVE") == [3, 4, 5]


def test_a_lapsed_token_keeps_the_moment_at_which_it_ended():
    schedule = make_schedule()
    token = make_active(schedule, until=NOW - timedelta(seconds=7))

    admit(schedule)

    token.refresh_from_db()
    assert token.expired_at == NOW - timedelta(seconds=7)


def test_a_pause_admits_nobody_but_still_closes_what_is_over():
    schedule = make_schedule(queue_max_active=3, queue_paused=True)
    make_active(schedule, until=NOW)
    make_line(schedule, 2)

    moved = admit(schedule)

    assert moved == admission.Admission(admitted=0, serving=None, lapsed=1, active=0)
    assert numbers_of(schedule, "WAITING") == [2, 3]


@pytest.mark.parametrize(("room", "admitted"), [(0, 0), (2, 0), (3, 1), (5, 3), (9, 3), (None, 3)])
def test_never_more_inside_than_seats_can_serve(room, admitted):
    schedule = make_schedule(queue_max_active=5)
    make_active(schedule)
    make_active(schedule)
    make_line(schedule, 6)

    assert admit(schedule, room=room).admitted == admitted


def test_a_lowered_cap_ends_no_active_token():
    schedule = make_schedule(queue_max_active=4)
    make_line(schedule, 6)
    admit(schedule)
    ConcertSchedule.objects.update(queue_max_active=2)

    assert admit(schedule).active == 4
    left = NOW + ENTRY
    WaitingToken.objects.filter(number__lte=3).update(expired_at=left)
    WaitingToken.objects.filter(number=4).update(expired_at=left + ENTRY)
    assert admit(schedule, now=left) == admission.Admission(admitted=1, serving=5, lapsed=3, active=2)


def test_a_schedule_is_not_served_from_the_line_of_another():
    schedule, other = make_schedule(), make_schedule()
    make_line(other, 2)

    assert admit(schedule).admitted == 0
    assert numbers_of(other, "WAITING") == [1, 2]


def test_a_cap_of_nobody_and_an_empty_line_are_no_trouble():
    closed = make_schedule(queue_max_active=0)
    make_line(closed, 1)

    assert admit(closed).admitted == 0
    assert admit(make_schedule()) == admission.Admission(admitted=0, serving=None, lapsed=0, active=0)


@pytest.mark.parametrize("waiting", [1, 50])
def test_admission_is_one_round_trip_for_every_length_of_line(waiting, django_assert_num_queries):
    schedule = make_schedule()
    make_line(schedule, waiting)

    with django_assert_num_queries(1):
        assert admit(schedule).admitted == waiting


def test_ending_the_line_expires_who_waits_and_leaves_who_is_inside():
    schedule, other = make_schedule(), make_schedule()
    make_active(schedule)
    make_line(schedule, 3)
    make_line(other, 1)

    assert admission.end_line(schedule.pk, reason="SOLD_OUT", now=NOW) == 3

    assert reasons_of(schedule) == {2: "SOLD_OUT", 3: "SOLD_OUT", 4: "SOLD_OUT"}
    assert set(WaitingToken.objects.filter(status="EXPIRED").values_list("expired_at", flat=True)) == {NOW}
    assert numbers_of(schedule, "ACTIVE") == [1]
    assert numbers_of(other, "WAITING") == [1]


def test_ending_the_line_again_ends_nobody():
    schedule = make_schedule()
    make_line(schedule, 2)
    admission.end_line(schedule.pk, reason="SOLD_OUT", now=NOW)

    assert admission.end_line(schedule.pk, reason="SALE_CLOSED", now=NOW) == 0
    assert reasons_of(schedule) == {1: "SOLD_OUT", 2: "SOLD_OUT"}


def test_a_long_line_ends_in_batches(monkeypatch):
    monkeypatch.setattr(admission, "END_BATCH", 2)
    schedule = make_schedule()
    make_line(schedule, 5)

    with CaptureQueriesContext(connection) as queries:
        assert admission.end_line(schedule.pk, reason="SALE_CLOSED", now=NOW) == 5

    assert sum(query["sql"].startswith("UPDATE") for query in queries) == 3
    assert numbers_of(schedule, "WAITING") == []


def test_expiring_the_lapsed_names_the_reason_and_spares_the_others():
    schedule = make_schedule()
    make_active(schedule, until=NOW, is_inside=False)
    make_active(schedule, until=NOW)
    make_active(schedule)
    make_line(schedule, 1)

    assert admission.expire_lapsed(schedule.pk, now=NOW) == 2

    assert reasons_of(schedule) == {1: "NO_SHOW", 2: "TIME_OVER"}
    assert (numbers_of(schedule, "ACTIVE"), numbers_of(schedule, "WAITING")) == ([3], [4])


@pytest.mark.django_db(transaction=True)
def test_the_lock_demands_a_transaction_to_live_in():
    with pytest.raises(transaction.TransactionManagementError):
        admission.lock_waiting_room(1)
