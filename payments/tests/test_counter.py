"""Selling at the counter: to fans and walk-ins, by cash, by terminal and for nothing, and taking a sale back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid, NotFound
from concert_site.lib.idempotency import IdempotencyKeyReused
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.domain import card_refunds, counter, counter_refunds, mail_sending, rebooking, refunds
from payments.domain.counter_orders import Buyer, PaymentOrder, SaleOrder, Tender
from payments.domain.counter_refunds import NothingToUndo, UndoOver
from payments.domain.errors import PriceChanged
from payments.models import Payment, TillEntry
from payments.queries.till import sale_summary, till_of
from payments.tests.scenes import ledger_of, make_fan, pay
from queueing.domain.errors import SaleClosed
from reservations.domain.errors import HoldExpired, SeatUnavailable, SeatUnknown, TicketLimitExceeded
from reservations.models import Concert, ConcertSeat, Reservation
from reservations.tests.scenes import CONCERT_AT, LAPSED, NOW, hold, in_order, make_sale, statuses, token_of
from wallet.models import BalanceHistory
from wallet.tests.factories import balance_of

SECOND = timedelta(seconds=1)
CASH, TERMINAL = Tender("CASH"), Tender("TERMINAL", terminal_reference="T-0042")
FREE = Tender("COMPLIMENTARY")

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk():
    return make_staff()


def order_of(clerk, sale, *nth, buyer=None, tender=CASH, price=50_000, key="click", **more):
    """An order of the nth seats of a sale."""
    agreed = 0 if tender is FREE else price * len(nth)
    note = "Press" if tender is FREE else ""
    return SaleOrder(
        schedule_id=sale.pk,
        seat_ids=[sale.seats[each] for each in nth],
        buyer=buyer or Buyer(),
        tender=tender,
        **{"agreed": agreed, "actor_id": clerk.pk, "idempotency_key": key, "note": note} | more,
    )


def sell(clerk, sale, *nth, now=NOW, **more):
    return counter.sell(order_of(clerk, sale, *nth, **more), now=now)


def entries():
    return list(TillEntry.objects.order_by("pk").values_list("kind", "method", "amount", "seats"))


# --- Selling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tender", [Tender("CASH", tendered=150_000), TERMINAL])
def test_a_walk_in_buys_seats_in_one_transaction(clerk, tender):
    sale = make_sale()

    done = sell(clerk, sale, 1, 2, tender=tender, buyer=Buyer(name="Kim"))

    walk_in = User.objects.get(name="Kim")
    money = BalanceHistory.objects.get(kind="ADJUSTMENT")
    assert statuses(sale) == "ARRAAA"
    assert [kind for kind, *_ in ledger_of(walk_in.pk, "ADJUSTMENT", "PAYMENT")] == ["ADJUSTMENT", "PAYMENT", "PAYMENT"]
    assert (money.amount, money.actor_id, balance_of(walk_in)) == (100_000, clerk.pk, 0)
    assert entries() == [("SALE", tender.method, 100_000, 2)]
    assert sale_summary(done.sale).change_due == (50_000 if tender.tendered else 0)
    assert broken_invariants() == {}


def test_a_fan_is_sold_seats_without_a_place_in_line_and_keeps_their_money(clerk):
    fan, sale = make_fan(balance=7_000), make_sale()

    sell(clerk, sale, 0, buyer=Buyer(user_id=fan.pk))

    assert Reservation.objects.get().user == fan
    assert balance_of(fan) == 7_000
    assert Payment.objects.get().confirmed_mail_at is None
    assert broken_invariants() == {}


@pytest.mark.parametrize("now", [NOW - timedelta(days=90), CONCERT_AT - SECOND])
def test_staff_sell_before_the_opening_and_after_the_deadline(clerk, now):
    sale = make_sale(reservation_available_at=NOW, deadline_at=NOW + SECOND)

    sell(clerk, sale, 0, now=now)

    assert statuses(sale) == "RAAAAA"


def test_a_lapsed_hold_is_taken_over(clerk):
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0)

    sell(clerk, sale, 0, now=LAPSED)

    assert list(Reservation.objects.order_by("pk").values_list("status", flat=True)) == ["CANCELED", "RESERVED"]
    assert broken_invariants() == {}


def test_a_walk_in_of_more_seats_than_the_limit_is_split(clerk):
    sale = make_sale(seats=6, tickets_per_fan=4)

    done = sell(clerk, sale, 0, 1, 2, 3, 4, 5, tender=Tender("CASH", tendered=500_000))

    assert entries() == [("SALE", "CASH", 200_000, 4), ("SALE", "CASH", 100_000, 2)]
    assert sale_summary(done.sale).change_due == 200_000
    assert broken_invariants() == {}


def test_a_walk_in_is_an_account_that_nobody_can_use(clerk):
    sell(clerk, make_sale(), 0, buyer=Buyer(mail_to="kim@example.com"))

    walk_in = User.objects.get(email__endswith="@walk-in.invalid")
    assert (walk_in.is_active, walk_in.has_usable_password()) == (False, False)
    assert not User.objects.filter(email="kim@example.com").exists()


def refused_orders():
    """What is refused, and why: changes of a good order of seat 0, and the error."""
    return [
        ({"seat_ids": []}, Invalid),
        ({"agreed": 49_000}, PriceChanged),
        ({"tender": Tender("CASH", tendered=49_999)}, Invalid),
        ({"tender": Tender("CASH", terminal_reference="T")}, Invalid),
        ({"tender": Tender("TERMINAL", tendered=50_000)}, Invalid),
        ({"tender": FREE, "agreed": 0, "note": " "}, Invalid),
        ({"buyer": Buyer(user_id=0)}, NotFound),
        ({"buyer": Buyer(mail_to="nowhere")}, Invalid),
        ({"buyer": Buyer(name="two\nlines")}, Invalid),
        ({"seat_ids": [0]}, SeatUnknown),
    ]


@pytest.mark.parametrize(("changed", "error"), refused_orders())
def test_an_order_that_makes_no_sense_changes_nothing(clerk, changed, error):
    sale = make_sale()
    order = replace(order_of(clerk, sale, 0), **changed)

    with nothing_written(), pytest.raises(error):
        counter.sell(order, now=NOW)


@pytest.mark.parametrize("status", ["TEMPORARY", "RESERVED", "UNAVAILABLE"])
def test_a_seat_that_is_somebody_elses_is_refused_by_its_place(clerk, status):
    sale = make_sale()
    if status == "UNAVAILABLE":
        ConcertSeat.objects.filter(pk=sale.seats[1]).move("AVAILABLE", "UNAVAILABLE")
    elif status == "TEMPORARY":
        hold(make_fan(), sale, 1)
    else:
        sell(clerk, sale, 1, key="before")

    with nothing_written(), pytest.raises(SeatUnavailable) as refused:
        sell(clerk, sale, 0, 1)

    assert refused.value.items == [1]


def test_nothing_is_sold_once_the_show_has_begun_or_is_off(clerk):
    sale = make_sale()

    with nothing_changed(), pytest.raises(SaleClosed):
        sell(clerk, sale, 0, now=CONCERT_AT)
    Concert.objects.update(status="UNAVAILABLE")
    with nothing_changed(), pytest.raises(SaleClosed):
        sell(clerk, sale, 0)


def test_the_limit_of_tickets_holds_for_an_account(clerk):
    fan, sale = make_fan(), make_sale(tickets_per_fan=3)
    hold(fan, sale, 0, 1)

    with nothing_changed(), pytest.raises(TicketLimitExceeded):
        sell(clerk, sale, 2, 3, buyer=Buyer(user_id=fan.pk))

    sell(clerk, sale, 2, 3, buyer=Buyer(user_id=fan.pk), now=LAPSED)
    assert statuses(sale)[2:4] == "RR"
    assert broken_invariants() == {}


def test_the_same_click_sells_once(clerk):
    sale = make_sale()
    first = sell(clerk, sale, 0)

    with nothing_changed():
        again = sell(clerk, sale, 0)
        with pytest.raises(IdempotencyKeyReused):
            sell(clerk, sale, 1)

    assert (first.is_new, again.is_new, again.sale) == (True, False, first.sale)


# --- For nothing -------------------------------------------------------------------------------


def test_a_complimentary_ticket_is_paid_with_nothing_and_says_why(clerk):
    sale = make_sale()

    sell(clerk, sale, 0, 1, tender=FREE, buyer=Buyer(name="Press"))

    lines = BalanceHistory.objects.values_list("kind", "amount", "note", "actor_id")
    assert list(lines) == [("PAYMENT", 0, "Press", clerk.pk)] * 2
    assert set(Payment.objects.values_list("price", "complimentary", "state")) == {(0, True, "COMPLETED")}
    assert set(Reservation.objects.values_list("price", "complimentary")) == {(0, True)}
    assert entries() == [("SALE", "COMPLIMENTARY", 0, 2)]
    assert broken_invariants() == {}


def test_a_complimentary_ticket_is_canceled_and_gives_nothing_back(clerk):
    sale = make_sale()
    done = sell(clerk, sale, 0, tender=FREE)

    undone = counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Not coming", may_refund=True, now=NOW)

    assert (undone.tickets, undone.amount) == (1, 0)
    assert statuses(sale) == "AAAAAA"
    assert not BalanceHistory.objects.exclude(amount=0).exists()
    assert entries()[1] == ("REFUND", "COMPLIMENTARY", 0, 1)
    assert broken_invariants() == {}


def test_a_complimentary_ticket_is_worth_nothing_however_it_is_refunded(clerk):
    fan, sale = make_fan(), make_sale()
    sell(clerk, sale, 0, 1, tender=FREE, buyer=Buyer(user_id=fan.pk))
    first, second = Reservation.objects.order_by("pk")

    canceled = refunds.cancel(user_id=fan.pk, reservation_id=first.pk, now=NOW)
    to_card = card_refunds.refund_by_staff(
        reservation_id=second.pk, actor_id=clerk.pk, note="Off", fee=0, refund_to=card_refunds.RefundTo.CARD
    )

    assert (canceled.refund, to_card.is_new, list(to_card.withdrawals)) == (0, True, [])
    assert balance_of(fan) == 0
    assert broken_invariants() == {}


# --- What a fan holds --------------------------------------------------------------------------


def payment_order(clerk, booking, agreed=100_000, tender=CASH, key="click"):
    return PaymentOrder(booking.reference, tender, agreed, clerk.pk, key)


def test_what_a_fan_holds_is_paid_at_the_counter(clerk):
    fan, sale = make_fan(balance=30_000), make_sale()
    booking = hold(fan, sale, 0, 1)

    done = counter.take_payment(payment_order(clerk, booking), now=NOW)
    again = counter.take_payment(payment_order(clerk, booking), now=LAPSED)

    assert (done.is_new, again) == (True, counter.CounterSale(done.sale, is_new=False))
    assert statuses(sale) == "RRAAAA"
    assert (balance_of(fan), token_of(fan, sale)) == (30_000, None)
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("changed", "now", "error"),
    [
        ({"agreed": 90_000}, NOW, PriceChanged),
        ({"tender": FREE}, NOW, Invalid),
        ({}, LAPSED, HoldExpired),
    ],
)
def test_a_payment_that_is_refused_takes_nothing(clerk, changed, now, error):
    booking = hold(make_fan(), make_sale(), 0, 1)

    with nothing_changed(), pytest.raises(error):
        counter.take_payment(payment_order(clerk, booking, **changed), now=now)


# --- Taking it back ----------------------------------------------------------------------------


def test_a_sale_is_undone_and_the_money_handed_out(clerk):
    sale = make_sale()
    done = sell(clerk, sale, 0, 1)
    first = Reservation.objects.order_by("pk").first()

    one = counter_refunds.undo(
        sale=done.sale, reservation_ids=[first.pk], actor_id=clerk.pk, note="Wrong seat", now=NOW + SECOND
    )
    rest = counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="All of it", now=NOW + 2 * SECOND)

    assert [(each.tickets, each.amount) for each in (one, rest)] == [(1, 50_000)] * 2
    assert statuses(sale) == "AAAAAA"
    assert balance_of(first.user) == 0
    assert entries()[1:] == [("REFUND", "CASH", -50_000, 1)] * 2
    with nothing_changed(), pytest.raises(NothingToUndo):
        counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Again", now=NOW + 3 * SECOND)
    assert broken_invariants() == {}


def test_a_sale_of_another_day_is_undone_by_who_may_refund(clerk):
    done = sell(clerk, make_sale(), 0)
    tomorrow = NOW + timedelta(days=1)

    with nothing_changed(), pytest.raises(UndoOver):
        counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Late", now=tomorrow)

    assert (
        counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Late", may_refund=True, now=tomorrow).amount
        == 50_000
    )


def test_the_till_of_a_day_adds_up_by_clerk(clerk):
    sale, other = make_sale(), make_staff()
    done = sell(clerk, sale, 0, 1, key="1")
    sell(clerk, sale, 2, key="2", tender=TERMINAL)
    sell(other, sale, 3, key="3", tender=FREE)
    counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Ill", now=NOW)

    found = {each.clerk: each for each in till_of(NOW.date())}

    assert (found[clerk].cash_in, found[clerk].cash_out, found[clerk].terminal) == (100_000, 100_000, 50_000)
    assert (found[clerk].sold, found[clerk].returned, found[other].complimentary) == (3, 2, 1)


# --- Mails -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["kim@example.com", ""])
def test_tickets_of_a_walk_in_are_mailed_where_they_said_and_nowhere_else(clerk, address):
    sell(clerk, make_sale(), 0, buyer=Buyer(mail_to=address))

    mail_sending.send_owed(now=NOW)

    assert [message.to for message in mail.outbox] == ([[address]] if address else [])
    assert all("At the box office" in message.body and "http" not in message.body for message in mail.outbox)
    assert Payment.objects.get().confirmed_mail_at is not None


def test_what_was_paid_elsewhere_of_a_booking_is_no_part_of_the_sale(clerk):
    fan, sale = make_fan(balance=50_000), make_sale()
    booking = hold(fan, sale, 0, 1)
    pay(fan, in_order(booking)[0])
    done = counter.take_payment(payment_order(clerk, booking, agreed=50_000), now=NOW)

    undone = counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Wrong day", now=NOW + SECOND)

    assert (undone.tickets, undone.amount, statuses(sale)) == (1, 50_000, "RAAAAA")
    assert [each.reservation_id for each in sale_summary(done.sale).payments] == [in_order(booking)[1]]
    assert broken_invariants() == {}


def test_no_more_is_handed_out_than_the_till_has_had(clerk):
    fan, sale = make_fan(balance=70_000), make_sale()
    ConcertSeat.objects.filter(pk=sale.seats[1]).update(seat_price=120_000)
    done = sell(clerk, sale, 0, buyer=Buyer(user_id=fan.pk))
    rebooking.exchange(seats={Reservation.objects.get().pk: sale.seats[1]}, actor_id=clerk.pk, note="Better", now=NOW)

    undone = counter_refunds.undo(sale=done.sale, actor_id=clerk.pk, note="Wrong day", now=NOW + SECOND)

    assert (undone.amount, undone.kept, statuses(sale), balance_of(fan)) == (50_000, 70_000, "AAAAAA", 70_000)
    assert broken_invariants() == {}
