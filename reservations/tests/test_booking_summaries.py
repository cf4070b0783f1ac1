"""Bookings as their fan sees them: what became of each seat, and on which tab it stands."""

from datetime import UTC, datetime, timedelta

import pytest

from concert_site.lib.errors import NotFound
from payments.domain import card_refunds, refunds
from payments.tests.scenes import make_fan, pay
from reservations.domain import holds
from reservations.queries import booking_summaries
from reservations.queries.booking_summaries import BookingTab
from reservations.tests.scenes import LAPSED, NOW, hold, in_order, make_sale

SECOND = timedelta(seconds=1)
# Noon at the venue on the day of the concert, and one day later.
ON_THE_DAY = datetime(2031, 5, 31, 3, 0, tzinfo=UTC)
THE_DAY_AFTER = ON_THE_DAY + timedelta(days=1)

pytestmark = pytest.mark.django_db


def states(booking, fan, now=NOW):
    return [
        each.state.value for each in booking_summaries.booking_summary(booking.reference, user_id=fan.pk, now=now).seats
    ]


def tab(name, fan, now=NOW):
    return list(booking_summaries.references_in(BookingTab(name), user_id=fan.pk, now=now))


def test_each_seat_says_what_became_of_it():
    fan, sale = make_fan(balance=500_000), make_sale()
    booking = hold(fan, sale, 0, 1, 2, 3)
    _held, paid, refunded, given_up = in_order(booking)
    pay(fan, paid, refunded)
    refunds.cancel(user_id=fan.pk, reservation_id=refunded, now=NOW)
    refunds.cancel(user_id=fan.pk, reservation_id=given_up, now=NOW)

    assert states(booking, fan) == ["held", "paid", "refunded", "given_up"]
    assert states(booking, fan, now=LAPSED) == ["lapsed", "paid", "refunded", "given_up"]
    holds.release_lapsed(now=LAPSED)
    assert states(booking, fan, now=LAPSED) == ["lapsed", "paid", "refunded", "given_up"]


def test_sums_and_time_left():
    fan, sale = make_fan(balance=500_000), make_sale()
    booking = hold(fan, sale, 0, 1, 2)
    first, second, _held = in_order(booking)
    pay(fan, first, second)
    card_refunds.refund_by_staff(reservation_id=second, actor_id=fan.pk, note="Rain", fee=1_000)

    summary = booking_summaries.booking_summary(booking.reference, user_id=fan.pk, now=NOW + SECOND)

    assert (summary.to_pay, summary.paid_total, summary.refunded_total, summary.fees_total) == (
        50_000,
        50_000,
        49_000,
        1_000,
    )
    assert (summary.seconds_left, summary.held_until, summary.is_extended) == (299, LAPSED, False)


def test_a_booking_without_holds_has_no_time_left():
    fan = make_fan()
    booking = hold(fan, make_sale(), 0)

    summary = booking_summaries.booking_summary(booking.reference, user_id=fan.pk, now=LAPSED)

    assert (summary.seconds_left, summary.held_until, summary.to_pay) == (0, None, 0)


def test_a_booking_of_someone_else_is_not_found():
    booking = hold(make_fan(), make_sale(), 0)

    with pytest.raises(NotFound):
        booking_summaries.booking_summary(booking.reference, user_id=make_fan().pk)


def test_a_booking_is_in_one_tab():
    fan, sale = make_fan(balance=500_000), make_sale()
    paid = hold(fan, sale, 0)
    pay(fan, *in_order(paid))
    held, gone = hold(fan, sale, 1), hold(fan, sale, 2)
    holds.release_booking(reference=gone.reference, user_id=fan.pk, now=NOW)
    newest = hold(fan, sale, 3)
    pay(fan, *in_order(newest))

    # The held one comes first, though it isn't the newest.
    assert tab("upcoming", fan) == [held.reference, newest.reference, paid.reference]
    assert tab("upcoming", fan, LAPSED) == [newest.reference, paid.reference]
    assert tab("canceled", fan, LAPSED) == [gone.reference, held.reference]
    assert tab("upcoming", fan, ON_THE_DAY) == [newest.reference, paid.reference]
    assert tab("past", fan, ON_THE_DAY) == []
    assert tab("past", fan, THE_DAY_AFTER) == [newest.reference, paid.reference]
    assert tab("upcoming", make_fan()) == []


def test_summaries_come_in_the_order_asked_for_in_one_query(django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    references = [hold(fan, sale, *nth).reference for nth in ((0,), (1, 2), (3,))]

    with django_assert_num_queries(1):
        found = booking_summaries.booking_summaries(references[::-1], user_id=fan.pk)
        assert [(each.reference, len(each.seats)) for each in found] == list(
            zip(references[::-1], (1, 2, 1), strict=True)
        )
        assert all(each.schedule.concert_at for each in found)
