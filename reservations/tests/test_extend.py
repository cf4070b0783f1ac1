"""Extending a hold: once a booking, for all its seats."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.lib.errors import NotFound
from concert_site.tests.unchanged import nothing_changed, nothing_written
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.errors import HoldExpired
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import HOLD, LAPSED, NOW, hold, in_order, make_sale

INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def extend(fan, reservation, now=NOW):
    holds.extend_hold(user_id=fan.pk, reservation_id=reservation, now=now)


def ends() -> tuple[set[object], set[object]]:
    """When the holds end: by the reservations, and by the seats."""
    return (
        set(Reservation.objects.values_list("expired_at", flat=True)),
        set(ConcertSeat.objects.filter(status="TEMPORARY").values_list("expired_at", flat=True)),
    )


def test_one_reservation_extends_the_whole_booking():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, 1, 2)

    extend(fan, in_order(booking)[1], now=NOW + timedelta(seconds=200))

    assert ends() == ({LAPSED + HOLD}, {LAPSED + HOLD})
    assert set(Reservation.objects.values_list("status", "extended_at", "updated_state_at")) == {
        ("RESERVING", NOW + timedelta(seconds=200), NOW)
    }


def test_again_from_any_of_its_seats_nothing_changes():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, 1)
    extend(fan, in_order(booking)[0])

    for reservation in in_order(booking):
        with nothing_written():
            extend(fan, reservation, now=LAPSED + INSTANT)

    assert ends() == ({LAPSED + HOLD}, {LAPSED + HOLD})


def test_another_booking_of_the_fan_keeps_its_end():
    fan, sale = make_fan(), make_sale()
    first, second = hold(fan, sale, 0), hold(fan, sale, 1)

    extend(fan, in_order(first)[0])

    kept = Reservation.objects.get(booking_reference=second.reference)
    assert (kept.expired_at, kept.extended_at) == (LAPSED, None)


def test_a_hold_is_extended_until_the_instant_it_ends_and_not_after():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))

    with nothing_changed(), pytest.raises(HoldExpired):
        extend(fan, reservation, now=LAPSED)
    extend(fan, reservation, now=LAPSED - INSTANT)

    assert ends() == ({LAPSED + HOLD}, {LAPSED + HOLD})


def test_an_extended_hold_that_lapsed_is_not_extended_again():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    extend(fan, reservation)

    with nothing_changed(), pytest.raises(HoldExpired):
        extend(fan, reservation, now=LAPSED + HOLD)


def test_what_was_given_up_is_not_extended_while_the_rest_of_the_booking_is():
    fan, sale = make_fan(), make_sale()
    given_up, kept = in_order(hold(fan, sale, 0, 1))
    holds.release_hold(reservation_id=given_up, user_id=fan.pk, now=NOW)

    with nothing_written(), pytest.raises(HoldExpired):
        extend(fan, given_up)
    extend(fan, kept)

    assert Reservation.objects.get(pk=given_up).expired_at == LAPSED
    assert Reservation.objects.get(pk=kept).expired_at == LAPSED + HOLD


def test_a_seat_taken_over_is_not_extended():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    hold(make_fan(), sale, 0, now=LAPSED)

    with nothing_changed(), pytest.raises(HoldExpired):
        extend(fan, reservation, now=LAPSED)


def test_someone_elses_and_unknown_reservations_are_not_found():
    sale = make_sale()
    (reservation,) = in_order(hold(make_fan(), sale, 0))

    for each in (reservation, 2**62):
        with nothing_changed(), pytest.raises(NotFound):
            extend(make_fan(), each)


def test_a_hold_outlives_token_deadline_and_unpublishing():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    WaitingToken.objects.update(status="EXPIRED", expired_reason="TIME_OVER")
    ConcertSchedule.objects.update(deadline_at=NOW)
    Concert.objects.update(status="UNAVAILABLE")

    extend(fan, reservation)

    assert ends() == ({LAPSED + HOLD}, {LAPSED + HOLD})


def test_extending_costs_the_same_for_any_number_of_seats():
    fan, sale = make_fan(), make_sale(tickets_per_fan=6)
    costs = []
    for nth in [(0,), (1, 2, 3, 4)]:
        (first, *_) = in_order(hold(fan, sale, *nth))
        with CaptureQueriesContext(connection) as asked:
            extend(fan, first)
        costs.append(len(asked))

    assert costs == [1, 1]
