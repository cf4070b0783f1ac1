"""Paying: all or none, once, and what a refusal leaves."""

from datetime import timedelta

import pytest

from concert_site.lib.errors import Invalid, NotFound, Unavailable
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import run
from concert_site.tests.unchanged import nothing_changed
from payments.domain import refunds
from payments.models import Payment
from payments.tests.scenes import buy, ledger_of, make_fan, pay, payments_in
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.errors import HoldExpired
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.scenes import (
    ACTIVE,
    LAPSED,
    NOW,
    hold,
    hold_with,
    in_order,
    let_in,
    make_sale,
    statuses,
    token_of,
)
from wallet.domain.errors import InsufficientBalance
from wallet.tests.factories import balance_of

SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def test_paying_moves_reservation_seat_and_money_together():
    fan, sale = make_fan(balance=120_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))

    receipt = pay(fan, reservation, now=NOW + SECOND)

    (payment,) = payments_in(receipt)
    row, seat = Reservation.objects.get(), ConcertSeat.objects.get(pk=sale.seats[0])
    assert (receipt.is_new, receipt.balance, balance_of(fan)) == (True, 70_000, 70_000)
    assert (row.status, row.expired_at, row.updated_state_at) == ("RESERVED", None, NOW + SECOND)
    assert (seat.status, seat.user_id, seat.expired_at) == ("RESERVED", fan.pk, None)
    assert seat.reserved_at == NOW + SECOND
    assert Payment.objects.get() == payment
    assert broken_invariants() == {}


def test_a_receipt_answers_the_payments_as_they_were_written():
    fan, sale = make_fan(balance=120_000), make_sale()
    booking = in_order(hold(fan, sale, 1, 0))

    receipt = pay(fan, *reversed(booking), now=NOW + SECOND)

    names = ("id", "reservation", "price", "state", "refund_fee", "created_at", "updated_state_at")
    columns = ("pk", "reservation_id", "user_id", "price", "state", "refund_fee", "created_at", "updated_state_at")
    answered = [[row[name] for name in names] for row in receipt.rows]
    written = [[getattr(payment, name) for name in columns] for payment in Payment.objects.order_by("reservation_id")]
    assert answered == [[pk, reservation, *rest] for pk, reservation, _user, *rest in written]
    assert [row[1:] for row in written] == [
        [each, fan.pk, 50_000, "COMPLETED", None, NOW + SECOND, NOW + SECOND] for each in booking
    ]


def test_each_payment_has_its_own_entry_and_the_balance_runs_down():
    fan, sale = make_fan(balance=170_000), make_sale()

    first, second, third = (payment.pk for payment in buy(fan, sale, 0, 1, 2))

    assert ledger_of(fan.pk, "CHARGE", "PAYMENT")[1:] == [
        ("PAYMENT", -50_000, 120_000, first),
        ("PAYMENT", -50_000, 70_000, second),
        ("PAYMENT", -50_000, 20_000, third),
    ]
    assert broken_invariants() == {}


def test_any_of_a_booking_may_be_paid_and_the_rest_later():
    fan, sale = make_fan(balance=150_000), make_sale(seats=3)
    first, second, third = in_order(hold(fan, sale, 0, 1, 2))

    pay(fan, second)

    assert statuses(sale) == "TRT"
    assert pay(fan, first, third).balance == 0
    assert statuses(sale) == "RRR"


def test_reservations_of_several_bookings_and_schedules_are_paid_at_once():
    fan, sale, other = make_fan(balance=150_000), make_sale(seats=2), make_sale(seats=1)
    reservations = [in_order(hold(fan, each, nth))[0] for each, nth in [(sale, 0), (sale, 1), (other, 0)]]

    receipt = pay(fan, *reservations)

    assert [payment.reservation_id for payment in payments_in(receipt)] == reservations
    assert (statuses(sale), statuses(other), balance_of(fan)) == ("RR", "R", 0)
    assert broken_invariants() == {}


def test_paying_again_answers_the_same_and_changes_nothing():
    fan, sale = make_fan(balance=100_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))
    first = pay(fan, *reservations)

    with nothing_changed():
        again = pay(fan, *reservations, now=LAPSED + SECOND)

    assert (again.is_new, again.balance) == (False, 0)
    assert [payment.pk for payment in payments_in(again)] == [payment.pk for payment in payments_in(first)]


def test_what_was_paid_before_is_answered_unchanged_beside_what_is_paid_now():
    fan, sale = make_fan(balance=100_000), make_sale()
    old, new = in_order(hold(fan, sale, 0, 1))
    (paid,) = payments_in(pay(fan, old))

    receipt = pay(fan, old, new, now=NOW + SECOND)

    assert (receipt.is_new, receipt.balance) == (True, 0)
    assert [(each.reservation_id, each.created_at) for each in payments_in(receipt)] == [
        (old, NOW),
        (new, NOW + SECOND),
    ]
    assert payments_in(receipt)[0].pk == paid.pk
    assert broken_invariants() == {}


def test_a_replayed_hold_answers_the_paid_booking_as_it_is_now():
    fan, sale = make_fan(balance=50_000), make_sale()
    first = hold(fan, sale, 0, key="a")
    (payment,) = payments_in(pay(fan, *in_order(first)))

    with nothing_changed():
        again = hold_with(None, fan, sale, 0, key="a")

    assert (again.is_new, again.reference, again.expired_at) == (False, first.reference, None)
    assert [(each.status, each.payment) for each in again.repeated] == [("RESERVED", payment)]


def test_a_paid_seat_asked_for_again_is_taken():
    fan, sale = make_fan(balance=100_000), make_sale()
    first, _ = in_order(hold(fan, sale, 0, 1))
    pay(fan, first)

    with nothing_changed(), pytest.raises(holds.SeatUnavailable) as caught:
        hold(fan, sale, 0, 1)

    assert caught.value.items == [0, 1]


# --- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", [0, 1, 99_999])
def test_without_the_money_for_all_nothing_is_paid(balance):
    fan, sale = make_fan(balance=balance), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))

    with nothing_changed(), pytest.raises(InsufficientBalance):
        pay(fan, *reservations)


def test_what_lapsed_is_named_and_the_rest_is_not_paid():
    fan, sale = make_fan(balance=200_000), make_sale()
    early = in_order(hold(fan, sale, 0))
    late = in_order(hold(fan, sale, 1, now=NOW + SECOND))
    given_up = in_order(hold(fan, sale, 2, now=NOW + SECOND))
    holds.release_hold(reservation_id=given_up[0], user_id=fan.pk, now=NOW)

    with nothing_changed(), pytest.raises(HoldExpired) as caught:
        pay(fan, *late, *early, *given_up, now=LAPSED)

    assert (caught.value.attr, caught.value.items) == ("reservations", [1, 2])


def test_a_hold_is_paid_until_the_instant_it_ends():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))

    with nothing_changed(), pytest.raises(HoldExpired):
        pay(fan, reservation, now=LAPSED)

    assert pay(fan, reservation, now=LAPSED - INSTANT).is_new


def test_an_extended_hold_is_paid_in_its_longer_time():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    holds.extend_hold(user_id=fan.pk, reservation_id=reservation, now=NOW)

    assert pay(fan, reservation, now=LAPSED).is_new


def test_a_refunded_reservation_is_not_paid_again():
    fan, sale = make_fan(balance=50_000), make_sale()
    (payment,) = buy(fan, sale, 0)
    refunds.cancel(user_id=fan.pk, reservation_id=payment.reservation_id, now=NOW)

    with nothing_changed(), pytest.raises(HoldExpired):
        pay(fan, payment.reservation_id)


def test_a_seat_that_another_took_over_is_not_paid():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    hold(make_fan(), sale, 0, now=LAPSED)

    with nothing_changed(), pytest.raises(HoldExpired):
        pay(fan, reservation, now=LAPSED - SECOND)


def test_what_is_not_there_and_what_is_someone_elses_are_named_alike():
    fan, sale = make_fan(balance=100_000), make_sale()
    (mine,), (theirs,) = in_order(hold(fan, sale, 0)), in_order(hold(make_fan(), sale, 1))

    with nothing_changed(), pytest.raises(NotFound) as caught:
        pay(fan, theirs, mine, 2**62)

    assert (caught.value.attr, caught.value.items) == ("reservations", [0, 2])


def test_refusals_of_a_payment_are_told_in_order():
    fan, sale = make_fan(), make_sale()
    (lapsed,) = in_order(hold(fan, sale, 0))
    (live,) = in_order(hold(fan, sale, 1, now=NOW + SECOND))

    for asked, error in [
        ((2**62, lapsed, live), NotFound),
        ((lapsed, live), HoldExpired),
        ((live,), InsufficientBalance),
    ]:
        with nothing_changed(), pytest.raises(error):
            pay(fan, *asked, now=LAPSED)


@pytest.mark.parametrize(("nth", "items"), [((), None), ((0, 0), [1]), ((0, 1, 1, 0), [2, 3])])
def test_nothing_and_reservations_named_twice_are_no_request(nth, items):
    fan, sale = make_fan(balance=100_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))

    with nothing_changed(), pytest.raises(Invalid) as caught:
        pay(fan, *(reservations[each] for each in nth))

    assert (caught.value.attr, caught.value.items) == ("reservations", items)


def test_rows_that_contradict_each_other_are_no_500():
    """A breach of invariant 2 that only SQL by hand can make: the seat's hold ends before the reservation's."""
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    run(f"update concert_seat set expired_at = expired_at - interval '1 minute' where id = {sale.seats[0]}")

    with pytest.raises(Unavailable):
        pay(fan, reservation, now=LAPSED - SECOND)

    assert balance_of(fan) == 50_000
    assert not Payment.objects.exists()


# --- The token ---------------------------------------------------------------------------------


def the_token():
    return WaitingToken.objects.values_list("status", "expired_reason", "expired_at").get()


def test_the_token_has_done_its_work_once_nothing_is_left_to_pay():
    fan, sale = make_fan(balance=200_000), make_sale()
    first, second = in_order(hold(fan, sale, 0, 1))
    (third,) = in_order(hold(fan, sale, 2))

    pay(fan, first, third)
    assert the_token() == ("ACTIVE", None, NOW + ACTIVE)
    pay(fan, second, now=NOW + SECOND)
    assert the_token() == ("EXPIRED", "PAID", NOW + SECOND)


def test_what_has_lapsed_is_not_left_to_pay():
    fan, sale = make_fan(balance=200_000), make_sale()
    hold(fan, sale, 0)
    (late,) = in_order(hold(fan, sale, 1, now=NOW + SECOND))

    pay(fan, late, now=LAPSED)

    assert the_token() == ("EXPIRED", "PAID", LAPSED)


def test_a_token_of_another_schedule_goes_on():
    fan, sale, other = make_fan(balance=50_000), make_sale(), make_sale()
    let_in(fan, other)

    buy(fan, sale, 0)

    assert token_of(fan, sale) is None
    assert token_of(fan, other).status == "ACTIVE"


def test_paying_again_ends_no_later_token():
    fan, sale = make_fan(balance=100_000), make_sale()
    (payment,) = buy(fan, sale, 0)
    let_in(fan, sale)

    with nothing_changed():
        pay(fan, payment.reservation_id)


def test_a_token_that_waits_is_not_ended_by_paying():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    WaitingToken.objects.move("ACTIVE", "EXPIRED", expired_reason="TIME_OVER")
    WaitingToken.objects.create(user=fan, concert_schedule_id=sale.pk, number=10**6)

    pay(fan, reservation)

    assert token_of(fan, sale).status == "WAITING"


def test_a_hold_is_paid_after_token_deadline_and_unpublishing():
    fan, sale = make_fan(balance=50_000), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))
    WaitingToken.objects.update(status="EXPIRED", expired_reason="TIME_OVER")
    ConcertSchedule.objects.update(deadline_at=NOW)
    Concert.objects.update(status="UNAVAILABLE")

    pay(fan, reservation)

    assert statuses(sale) == "R"


# --- What it costs -----------------------------------------------------------------------------


def test_a_refusal_is_one_round_trip(django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))

    with django_assert_num_queries(1), pytest.raises(InsufficientBalance):
        pay(fan, *reservations)
