"""Giving holds back: by the fan, by staff, and by the clock."""

from datetime import timedelta

import pytest

from concert_site.lib.errors import NotFound
from concert_site.tests.unchanged import nothing_changed, nothing_written
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import LAPSED, NOW, hold, in_order, make_sale, statuses

SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def held_one_by_one(sale, count):
    """A hold each of so many fans, a second apart; the ids of the reservations."""
    return [in_order(hold(make_fan(), sale, nth, now=NOW + nth * SECOND))[0] for nth in range(count)]


def states(*columns):
    return list(Reservation.objects.order_by("pk").values_list("status", *columns))


def test_a_fan_gives_one_seat_back_and_keeps_the_other():
    fan, sale = make_fan(), make_sale(seats=2)
    first, _ = in_order(hold(fan, sale, 0, 1))

    assert holds.release_hold(reservation_id=first, user_id=fan.pk, now=NOW + SECOND)

    assert states("updated_state_at") == [("CANCELED", NOW + SECOND), ("RESERVING", NOW)]
    assert statuses(sale) == "AT"
    seat = ConcertSeat.objects.get(pk=sale.seats[0])
    assert (seat.user_id, seat.expired_at, seat.reserved_at) == (None, None, None)


def test_giving_back_again_changes_nothing():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=NOW)

    with nothing_written():
        assert not holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=NOW)


def test_staff_gives_any_hold_back():
    sale = make_sale(seats=1)
    (reservation,) = in_order(hold(make_fan(), sale, 0))

    assert holds.release_hold(reservation_id=reservation, now=NOW)

    assert statuses(sale) == "A"


def test_someone_elses_hold_is_not_found():
    sale = make_sale()
    (reservation,) = in_order(hold(make_fan(), sale, 0))

    for each in (reservation, 2**62):
        with nothing_changed(), pytest.raises(NotFound):
            holds.release_hold(reservation_id=each, user_id=make_fan().pk, now=NOW)


def test_a_lapsed_hold_is_given_back_all_the_same():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))

    assert holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=LAPSED + SECOND)

    assert statuses(sale) == "A"


def test_giving_back_what_another_took_over_leaves_it_to_them():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))
    hold(make_fan(), sale, 0, now=LAPSED)

    with nothing_written():
        assert not holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=LAPSED)


def test_a_hold_is_given_back_after_token_deadline_and_unpublishing():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))
    WaitingToken.objects.update(status="EXPIRED", expired_reason="TIME_OVER")
    ConcertSchedule.objects.update(deadline_at=NOW)
    Concert.objects.update(status="UNAVAILABLE")

    assert holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=NOW)

    assert statuses(sale) == "A"


# --- By the clock ------------------------------------------------------------------------------


def test_lapsed_holds_return_to_sale_at_the_instant_they_end():
    sale = make_sale(seats=3)
    held_one_by_one(sale, 3)

    assert holds.release_lapsed(now=LAPSED + SECOND) == 2

    assert statuses(sale) == "AAT"
    assert states("updated_state_at") == [
        ("CANCELED", LAPSED + SECOND),
        ("CANCELED", LAPSED + SECOND),
        ("RESERVING", NOW + 2 * SECOND),
    ]
    seat = ConcertSeat.objects.get(pk=sale.seats[0])
    assert (seat.user_id, seat.expired_at, seat.reserved_at) == (None, None, None)


def test_holds_that_have_not_lapsed_are_not_released():
    hold(make_fan(), make_sale(), 0, 1)

    with nothing_changed():
        assert holds.release_lapsed(now=LAPSED - INSTANT) == 0


@pytest.mark.parametrize(("batch", "statements"), [(2, 3), (4, 2), (5, 2), (6, 1), (5000, 1)])
def test_batches_of_any_size_release_all(batch, statements, django_assert_num_queries):
    sale = make_sale(seats=5)
    held_one_by_one(sale, 5)

    with django_assert_num_queries(statements):
        assert holds.release_lapsed(now=LAPSED + 10 * SECOND, batch=batch) == 5

    assert statuses(sale) == "AAAAA"


def test_batches_part_seats_that_lapse_at_the_same_instant():
    sale = make_sale(seats=5, tickets_per_fan=5)
    hold(make_fan(), sale, 0, 1, 2, 3, 4)

    assert holds.release_lapsed(now=LAPSED, batch=2) == 5

    assert statuses(sale) == "AAAAA"


def test_release_lapsed_twice_releases_once():
    sale = make_sale(seats=5)
    held_one_by_one(sale, 5)
    holds.release_lapsed(now=LAPSED + 10 * SECOND)

    with nothing_changed():
        assert holds.release_lapsed(now=LAPSED + 10 * SECOND) == 0


def test_an_extended_hold_stays():
    fan, sale = make_fan(), make_sale(seats=2)
    (reservation,) = in_order(hold(fan, sale, 0))
    holds.extend_hold(user_id=fan.pk, reservation_id=reservation, now=NOW)
    hold(make_fan(), sale, 1)

    assert holds.release_lapsed(now=LAPSED) == 1

    assert statuses(sale) == "TA"


def test_a_seat_that_was_taken_over_stays_with_who_took_it():
    sale = make_sale(seats=1)
    hold(make_fan(), sale, 0)
    hold(make_fan(), sale, 0, now=LAPSED)

    with nothing_changed():
        assert holds.release_lapsed(now=LAPSED + SECOND) == 0


def test_a_released_seat_can_be_held_again():
    sale = make_sale(seats=1)
    hold(make_fan(), sale, 0)
    holds.release_lapsed(now=LAPSED)

    assert hold(make_fan(), sale, 0, now=LAPSED).is_new
    assert [status for (status,) in states()] == ["CANCELED", "RESERVING"]
