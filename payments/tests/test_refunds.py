"""Canceling and refunding: by the fan, by staff, and a whole schedule."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.domain import card_refunds, refunds
from payments.models import Payment
from payments.tests.scenes import buy, ledger_of, make_fan, make_paid
from queueing.models import WaitingToken
from reservations.domain.errors import RefundClosed
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_concert, make_venue
from reservations.tests.scenes import LAPSED, NOW, Sale, hold, in_order, make_sale, statuses
from wallet.models import BalanceHistory

SECOND = timedelta(seconds=1)
# Midnight in Seoul before the day of the concert, 2031-05-31.
DAY = datetime(2031, 5, 30, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def cancel(payment, now=NOW):
    return refunds.cancel(user_id=payment.user_id, reservation_id=payment.reservation_id, now=now)


def outcome(canceled):
    return canceled.reservation.status, canceled.fee, canceled.refund, canceled.balance


# --- By the fan --------------------------------------------------------------------------------


def test_canceling_a_paid_seat_gives_money_and_seat_back():
    payment = make_paid(balance=60_000)

    canceled = cancel(payment, now=NOW + SECOND)

    payment.refresh_from_db()
    seat = ConcertSeat.objects.get()
    assert outcome(canceled) == ("CANCELED", 0, 50_000, 60_000)
    assert (payment.state, payment.refund_fee, payment.updated_state_at) == ("CANCELED", 0, NOW + SECOND)
    assert Reservation.objects.get().updated_state_at == NOW + SECOND
    assert (seat.status, seat.user_id, seat.expired_at, seat.reserved_at) == ("AVAILABLE", None, None, None)
    assert ledger_of(payment.user_id, "REFUND") == [("REFUND", 50_000, 60_000, payment.pk)]
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("days_left", "fee"), [(10, 0), (9, 4_999), (7, 4_999), (6, 9_999), (3, 9_999), (2, 14_999), (1, 14_999)]
)
def test_the_fee_goes_by_the_days_that_are_left_at_the_venue(days_left, fee):
    midnight = DAY - timedelta(days=days_left)
    for moment in (midnight, midnight + timedelta(days=1) - timedelta(microseconds=1)):
        payment = make_paid(price=49_999)

        assert outcome(cancel(payment, now=moment)) == ("CANCELED", fee, 49_999 - fee, 49_999 - fee)
    assert broken_invariants() == {}


@pytest.mark.parametrize("moment", [DAY, DAY + timedelta(hours=23), DAY + timedelta(days=30)])
def test_on_the_day_and_after_it_nothing_is_refunded(moment):
    payment = make_paid()

    with nothing_written(), pytest.raises(RefundClosed):
        cancel(payment, now=moment)


def test_the_day_begins_at_the_venues_midnight_not_at_utcs():
    """At this midnight the day before still has nine hours to go in UTC."""
    assert DAY.date() == date(2031, 5, 30)
    last, late = make_paid(), make_paid()

    assert cancel(last, now=DAY - timedelta(microseconds=1)).fee == 15_000
    with pytest.raises(RefundClosed):
        cancel(late, now=DAY)


def test_canceling_again_answers_the_same_and_changes_nothing():
    payment = make_paid(balance=60_000)
    first = cancel(payment, now=DAY - timedelta(days=8))

    with nothing_changed():
        again = cancel(payment, now=DAY + timedelta(days=1))

    assert outcome(again) == outcome(first) == ("CANCELED", 5_000, 45_000, 55_000)


def test_canceling_a_hold_frees_the_seat_and_moves_no_money():
    fan, sale = make_fan(balance=1_000), make_sale(seats=2)
    first, _ = in_order(hold(fan, sale, 0, 1))

    canceled = refunds.cancel(user_id=fan.pk, reservation_id=first, now=NOW)

    assert outcome(canceled) == ("CANCELED", 0, 0, 1_000)
    assert statuses(sale) == "AT"
    assert not Payment.objects.exists()


def test_canceling_a_hold_again_and_a_lapsed_one_is_no_error():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))

    for _ in range(2):
        canceled = refunds.cancel(user_id=fan.pk, reservation_id=reservation, now=LAPSED + SECOND)
        assert outcome(canceled) == ("CANCELED", 0, 0, 0)

    assert statuses(sale) == "A"


def test_someone_elses_reservation_is_not_found():
    payment = make_paid()

    for reservation in (payment.reservation_id, 2**62):
        with nothing_changed(), pytest.raises(NotFound):
            refunds.cancel(user_id=make_fan().pk, reservation_id=reservation, now=NOW)


def test_a_paid_seat_is_refunded_after_deadline_and_unpublishing():
    payment = make_paid()
    WaitingToken.objects.all().delete()
    ConcertSchedule.objects.update(deadline_at=NOW)
    Concert.objects.update(status="UNAVAILABLE")

    assert outcome(cancel(payment)) == ("CANCELED", 0, 50_000, 50_000)


def test_a_refunded_seat_is_sold_again():
    payment = make_paid()
    cancel(payment)
    other, sale = make_fan(balance=50_000), Sale(ConcertSchedule.objects.get(), [ConcertSeat.objects.get().pk])

    buy(other, sale, 0)

    assert list(Reservation.objects.order_by("pk").values_list("status", flat=True)) == ["CANCELED", "RESERVED"]
    assert broken_invariants() == {}


def test_a_refund_of_nothing_is_still_in_the_ledger(settings):
    settings.CANCELLATION_TIERS = [(1, 100)]
    payment = make_paid()

    assert outcome(cancel(payment)) == ("CANCELED", 50_000, 0, 0)

    assert ledger_of(payment.user_id, "REFUND") == [("REFUND", 0, 0, payment.pk)]
    assert broken_invariants() == {}


# --- By staff ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fee", [0, 1, 49_999, 50_000])
def test_staff_refunds_at_any_time_with_a_fee_and_a_reason(fee):
    payment, staff = make_paid(), make_staff()

    assert card_refunds.refund_by_staff(
        reservation_id=payment.reservation_id, actor_id=staff.pk, note="Broken seat", fee=fee, now=DAY
    ).is_new

    entry = BalanceHistory.objects.get(kind="REFUND")
    assert (entry.amount, entry.amount_after) == (50_000 - fee, 50_000 - fee)
    assert (entry.note, entry.actor_id, entry.payment_id, entry.created_at) == (
        "Broken seat",
        staff.pk,
        payment.pk,
        DAY,
    )
    assert Payment.objects.get().refund_fee == fee
    assert broken_invariants() == {}


def test_a_fans_own_refund_names_no_actor():
    cancel(make_paid())

    entry = BalanceHistory.objects.get(kind="REFUND")
    assert (entry.note, entry.actor_id) == ("", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"note": ""}, "note"), ({"note": " \n"}, "note"), ({"fee": -1}, "fee"), ({"fee": 50_001}, "fee")],
)
def test_a_refund_without_a_reason_or_with_a_strange_fee_changes_nothing(change, field):
    payment, staff = make_paid(), make_staff()
    order = {"reservation_id": payment.reservation_id, "actor_id": staff.pk, "note": "Why"} | change

    with nothing_changed(), pytest.raises(Invalid) as caught:
        card_refunds.refund_by_staff(**order, now=NOW)

    assert caught.value.attr == field


def test_staff_refunds_only_what_is_paid_and_only_once():
    payment, staff, sale = make_paid(), make_staff(), make_sale()
    (held,) = in_order(hold(make_fan(), sale, 0))
    order = {"actor_id": staff.pk, "note": "Why", "now": NOW}
    card_refunds.refund_by_staff(reservation_id=payment.reservation_id, **order)

    for reservation in (payment.reservation_id, held):
        with nothing_written():
            assert not card_refunds.refund_by_staff(reservation_id=reservation, **order).is_new
    with nothing_changed(), pytest.raises(NotFound):
        card_refunds.refund_by_staff(reservation_id=2**62, **order)


# --- What it costs -----------------------------------------------------------------------------


def statements_of(step):
    with CaptureQueriesContext(connection) as asked:
        step()
    return len(asked)


def test_canceling_costs_the_same_whatever_else_the_fan_has():
    costs = []
    for nth in [(0,), (0, 1, 2, 3)]:
        fan, sale = make_fan(balance=200_000), make_sale()
        payment = buy(fan, sale, *nth)[0]
        costs.append(statements_of(lambda payment=payment: cancel(payment)))

    assert costs == [2, 2]


def test_canceling_a_hold_costs_the_same_whatever_else_is_booked():
    costs = []
    for nth in [(0,), (0, 1, 2, 3)]:
        fan, sale = make_fan(), make_sale()
        first, *_ = in_order(hold(fan, sale, *nth))
        costs.append(
            statements_of(lambda fan=fan, first=first: refunds.cancel(user_id=fan.pk, reservation_id=first, now=NOW))
        )

    assert costs == [1, 1]


@pytest.mark.parametrize(
    ("moment", "fee"),
    [
        # Until midnight in New York three days are left; in Seoul it is the afternoon of the next day already.
        (datetime(2031, 5, 29, 3, 59, 59, tzinfo=UTC), 10_000),
        (datetime(2031, 5, 29, 4, 0, tzinfo=UTC), 15_000),
    ],
)
def test_fees_go_by_the_days_of_a_venue_in_another_zone(moment, fee):
    """The show is at eight in the evening of May 31 in New York, when it is June 1 in Seoul."""
    fan = make_fan(balance=50_000)
    concert = make_concert(venue=make_venue("America/New_York"))
    sale = make_sale(concert=concert, concert_at=datetime(2031, 6, 1, 0, 0, tzinfo=UTC), seats=1)
    assert sale.schedule.concert_date == date(2031, 5, 31)
    (payment,) = buy(fan, sale, 0)

    with CaptureQueriesContext(connection) as queries:
        canceled = cancel(payment, now=moment)

    assert (canceled.fee, len(queries)) == (fee, 2)
    assert broken_invariants() == {}


def test_the_last_day_is_over_at_the_venues_midnight_wherever_the_house_is():
    concert = make_concert(venue=make_venue("America/New_York"))
    sale = make_sale(concert=concert, concert_at=datetime(2031, 6, 1, 0, 0, tzinfo=UTC), seats=2)
    fan = make_fan(balance=100_000)
    last, late = buy(fan, sale, 0, 1)

    assert cancel(last, now=datetime(2031, 5, 31, 3, 59, 59, tzinfo=UTC)).fee == 15_000
    with pytest.raises(RefundClosed):
        cancel(late, now=datetime(2031, 5, 31, 4, 0, tzinfo=UTC))
