"""Exchanges and hand-overs: what becomes of seats, money, tickets and mails, and what is refused."""

from datetime import timedelta

import pytest

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.domain import counter, mail_sending, rebooking, refunds
from payments.domain.counter_orders import Buyer, SaleOrder, Tender
from payments.domain.errors import NotPaid, PriceChanged
from payments.models import Payment, Rebooking
from payments.queries import is_valid_ticket
from payments.tests.scenes import buy, ledger_of, make_fan
from reservations.domain.errors import SeatUnavailable, SeatUnknown, TicketLimitExceeded
from reservations.models import ConcertSeat, Reservation
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import CONCERT_AT, LAPSED, NOW, Sale, held_by, hold, make_sale, statuses
from wallet.domain.errors import InsufficientBalance
from wallet.tests.factories import balance_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clerk():
    return make_staff(email="clerk@example.com")


def clerk_id():
    return User.objects.get(email="clerk@example.com").pk


def exchange(fan, sale, old, new, *, to=None, agreed=None, now=NOW):
    """Give the fan's nth seat another one, of this date or of `to`."""
    reservation = Reservation.objects.get(concert_seat=sale.seats[old], user=fan, status="RESERVED")
    return rebooking.exchange(
        seats={reservation.pk: (to or sale).seats[new]},
        actor_id=clerk_id(),
        note="Behind a pillar",
        agreed=agreed,
        now=now,
    )


def hand_over(payments, receiver, *, now=NOW):
    return rebooking.hand_over(
        reservation_ids=[each.reservation_id for each in payments],
        receiver_id=receiver.pk,
        actor_id=clerk_id(),
        note="A present",
        now=now,
    )


def give_away(fan, sale, nth):
    """Give a fan the nth seat for nothing; its payment."""
    order = SaleOrder(
        schedule_id=sale.pk,
        seat_ids=[sale.seats[nth]],
        buyer=Buyer(user_id=fan.pk),
        tender=Tender("COMPLIMENTARY"),
        agreed=0,
        actor_id=clerk_id(),
        idempotency_key="gift",
        note="Press",
    )
    counter.sell(order, now=NOW)
    return Payment.objects.get(reservation__concert_seat=sale.seats[nth])


def reprice(sale, nth, price):
    ConcertSeat.objects.filter(pk=sale.seats[nth]).update(seat_price=price)


def another_date(sale, **columns):
    """The same concert on another evening."""
    schedule = make_schedule(sale.schedule.concert, concert_at=CONCERT_AT + timedelta(days=1), **columns)
    return Sale(schedule, [seat.pk for seat in make_seats(schedule, 6)])


# --- Exchange ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "left"), [(70_000, 30_000), (50_000, 50_000), (20_000, 80_000)])
def test_an_exchange_settles_the_difference_with_the_wallet(price, left):
    fan, sale = make_fan(balance=100_000), make_sale()
    (old,) = buy(fan, sale, 0)
    reprice(sale, 3, price)

    done = exchange(fan, sale, 0, 3, agreed=price - 50_000)

    (new,) = done.payments
    assert (done.difference, done.is_new) == (price - 50_000, True)
    assert (held_by(fan, sale), statuses(sale), balance_of(fan)) == ([3], "AAARAA", left)
    assert new.reservation.booking_reference == old.reservation.booking_reference
    assert ledger_of(fan.pk, "PAYMENT", "REFUND") == [
        ("PAYMENT", -50_000, 50_000, old.pk),
        ("REFUND", 50_000, 100_000, old.pk),
        ("PAYMENT", -price, left, new.pk),
    ]
    assert broken_invariants() == {}


def test_the_old_ticket_is_dead_and_the_new_one_lives():
    fan, sale = make_fan(balance=50_000), make_sale()
    (old,) = buy(fan, sale, 0)

    (new,) = exchange(fan, sale, 0, 1).payments

    assert not is_valid_ticket(reservation_id=old.reservation_id, payment_id=old.pk)
    assert is_valid_ticket(reservation_id=new.reservation_id, payment_id=new.pk)


def test_two_seats_are_exchanged_together_or_not_at_all():
    fan, sale = make_fan(balance=100_000), make_sale()
    payments = buy(fan, sale, 0, 1)
    hold(make_fan(), sale, 4)
    order = {payments[0].reservation_id: sale.seats[3], payments[1].reservation_id: sale.seats[4]}
    asked = {"actor_id": clerk_id(), "note": "Together", "now": NOW}

    with nothing_written(), pytest.raises(SeatUnavailable) as refusal:
        rebooking.exchange(seats=order, **asked)
    rebooking.exchange(seats=order | {payments[1].reservation_id: sale.seats[5]}, **asked)

    assert refusal.value.items == [1]
    assert held_by(fan, sale) == [3, 5]
    assert broken_invariants() == {}


def test_an_exchange_takes_over_a_seat_whose_hold_has_lapsed():
    fan, sale = make_fan(balance=50_000), make_sale()
    buy(fan, sale, 0)
    hold(make_fan(), sale, 1)

    exchange(fan, sale, 0, 1, now=LAPSED)

    assert statuses(sale) == "ARAAAA"
    assert broken_invariants() == {}


def test_an_exchange_sent_twice_is_done_once():
    fan, sale = make_fan(balance=50_000), make_sale()
    (old,) = buy(fan, sale, 0)
    order = {"seats": {old.reservation_id: sale.seats[1]}, "actor_id": clerk_id(), "note": "Twice", "now": NOW}

    first = rebooking.exchange(**order)
    with nothing_written():
        again = rebooking.exchange(**order)

    assert (again.is_new, again.payments, again.difference) == (False, first.payments, 0)


def test_an_exchange_goes_to_another_date_and_has_its_day():
    fan, sale = make_fan(balance=50_000), make_sale()
    buy(fan, sale, 0)
    later = another_date(sale)

    (new,) = exchange(fan, sale, 0, 2, to=later).payments

    assert (held_by(fan, sale), held_by(fan, later)) == ([], [2])
    assert new.reservation.concert_date == later.schedule.concert_date
    assert broken_invariants() == {}


def test_a_dearer_seat_needs_the_money():
    fan, sale = make_fan(balance=50_000), make_sale()
    buy(fan, sale, 0)
    reprice(sale, 1, 50_001)

    with nothing_written(), pytest.raises(InsufficientBalance):
        exchange(fan, sale, 0, 1)


def test_an_exchange_for_another_difference_than_shown_is_refused():
    fan, sale = make_fan(balance=100_000), make_sale()
    buy(fan, sale, 0)
    reprice(sale, 1, 60_000)

    with nothing_written(), pytest.raises(PriceChanged):
        exchange(fan, sale, 0, 1, agreed=0)


@pytest.mark.parametrize("how", ["held", "sold", "off sale", "own"])
def test_a_seat_that_is_not_free_is_refused(how):
    fan, sale = make_fan(balance=100_000), make_sale()
    buy(fan, sale, 0, 2)
    if how == "held":
        hold(make_fan(), sale, 1)
    elif how == "sold":
        buy(make_fan(balance=50_000), sale, 1)
    elif how == "off sale":
        ConcertSeat.objects.filter(pk=sale.seats[1]).update(status="UNAVAILABLE")

    with nothing_written(), pytest.raises(SeatUnavailable):
        exchange(fan, sale, 0, 2 if how == "own" else 1)


def test_a_seat_of_another_concert_of_a_canceled_date_and_of_none_is_unknown():
    fan, sale = make_fan(balance=100_000), make_sale()
    (old,) = buy(fan, sale, 0)
    off = another_date(sale, canceled_at=NOW, change_reason_ko="Ill", change_reason_en="Ill")

    for seat in (make_sale().seats[0], off.seats[0], 0):
        with nothing_written(), pytest.raises(SeatUnknown):
            rebooking.exchange(seats={old.reservation_id: seat}, actor_id=clerk_id(), note="Why", now=NOW)


def test_what_is_held_refunded_or_of_two_fans_is_not_exchanged():
    fan, sale = make_fan(balance=100_000), make_sale()
    paid, other = buy(fan, sale, 0)[0], buy(make_fan(balance=50_000), sale, 1)[0]
    held = hold(fan, sale, 2).rows[0]["reservation"]
    refunds.refund(other.reservation_id, fee=0, note="Ill", actor_id=fan.pk, now=NOW)
    third = buy(make_fan(balance=50_000), sale, 5)[0]
    asked = {"actor_id": clerk_id(), "note": "Why", "now": NOW}

    for seats in (
        {held: sale.seats[3]},
        {other.reservation_id: sale.seats[3]},
        {paid.reservation_id: sale.seats[3], third.reservation_id: sale.seats[4]},
        {0: sale.seats[3]},
    ):
        with nothing_written(), pytest.raises(NotPaid):
            rebooking.exchange(seats=seats, **asked)


def test_an_exchange_needs_a_reason():
    fan, sale = make_fan(balance=50_000), make_sale()
    (old,) = buy(fan, sale, 0)

    with nothing_written(), pytest.raises(Invalid):
        rebooking.exchange(seats={old.reservation_id: sale.seats[1]}, actor_id=fan.pk, note="  ", now=NOW)


def test_the_limit_is_unharmed_on_the_same_date_and_counts_on_another():
    fan, sale = make_fan(balance=200_000), make_sale(tickets_per_fan=1)
    buy(fan, sale, 0)
    full = another_date(sale, tickets_per_fan=1)
    buy(fan, full, 0)

    exchange(fan, sale, 0, 1)
    with nothing_written(), pytest.raises(TicketLimitExceeded):
        exchange(fan, sale, 1, 3, to=full)

    assert held_by(fan, sale) == [1]


def test_of_an_exchange_one_mail_goes_out_with_the_new_ticket(mailoutbox):
    fan, sale = make_fan(balance=100_000, locale="en"), make_sale()
    buy(fan, sale, 0)
    exchange(fan, sale, 0, 3)

    assert mail_sending.send_owed() == 1

    (mail,) = mailoutbox
    assert mail.to == [fan.email]
    assert "replaces" in mail.body
    assert "seat A-1-1" in mail.body
    assert "seat A-1-4" in mail.body


# --- Hand-over ---------------------------------------------------------------------------------


def test_a_hand_over_moves_seat_ticket_and_money_to_another_account():
    giver, receiver, sale = make_fan(balance=60_000), make_fan(balance=1_000), make_sale()
    (old,) = buy(giver, sale, 0)

    (new,) = hand_over([old], receiver).payments

    assert (held_by(giver, sale), held_by(receiver, sale), statuses(sale)) == ([], [0], "RAAAAA")
    assert (balance_of(giver), balance_of(receiver)) == (10_000, 1_000)
    assert not is_valid_ticket(reservation_id=old.reservation_id, payment_id=old.pk)
    assert is_valid_ticket(reservation_id=new.reservation_id, payment_id=new.pk)
    assert [row[:2] for row in ledger_of(giver.pk, "REFUND", "ADJUSTMENT")] == [
        ("REFUND", 50_000),
        ("ADJUSTMENT", -50_000),
    ]
    assert [row[:2] for row in ledger_of(receiver.pk, "PAYMENT", "ADJUSTMENT")] == [
        ("ADJUSTMENT", 50_000),
        ("PAYMENT", -50_000),
    ]
    assert broken_invariants() == {}


def test_what_the_receiver_cancels_comes_back_to_the_receiver():
    giver, receiver, sale = make_fan(balance=50_000), make_fan(), make_sale()
    (new,) = hand_over(buy(giver, sale, 0), receiver).payments

    refunds.cancel(user_id=receiver.pk, reservation_id=new.reservation_id, now=NOW)

    assert (balance_of(giver), balance_of(receiver)) == (0, 50_000)
    assert broken_invariants() == {}


def test_a_hand_over_keeps_the_price_that_was_paid():
    giver, receiver, sale = make_fan(balance=50_000), make_fan(), make_sale()
    payments = buy(giver, sale, 0)
    reprice(sale, 0, 90_000)

    (new,) = hand_over(payments, receiver).payments

    assert (new.price, new.reservation.price) == (50_000, 50_000)


def test_a_hand_over_sent_twice_is_done_once():
    giver, receiver, sale = make_fan(balance=50_000), make_fan(), make_sale()
    payments = buy(giver, sale, 0)

    first = hand_over(payments, receiver)
    again = hand_over(payments, receiver)

    assert (again.is_new, again.payments) == (False, first.payments)
    assert Rebooking.objects.count() == 1


def test_the_receivers_limit_counts():
    giver, receiver, sale = make_fan(balance=100_000), make_fan(balance=50_000), make_sale(tickets_per_fan=2)
    payments = buy(giver, sale, 0, 1)
    hold(receiver, sale, 2)

    with nothing_written(), pytest.raises(TicketLimitExceeded):
        hand_over(payments, receiver)
    hand_over(payments[:1], receiver)

    assert held_by(receiver, sale) == [0, 2]


def test_a_hold_of_the_receivers_that_has_lapsed_takes_no_room():
    giver, receiver, sale = make_fan(balance=50_000), make_fan(), make_sale(tickets_per_fan=1)
    payments = buy(giver, sale, 0)
    hold(receiver, sale, 2)

    hand_over(payments, receiver, now=LAPSED)

    assert (held_by(receiver, sale), statuses(sale)) == ([0], "RAAAAA")
    assert broken_invariants() == {}


def test_a_ticket_is_not_handed_over_to_oneself_or_nobody():
    giver, gone, sale = make_fan(balance=50_000), make_fan(is_active=False), make_sale()
    payments = buy(giver, sale, 0)

    for receiver in (giver, gone):
        with nothing_written(), pytest.raises(Invalid):
            hand_over(payments, receiver)
    with nothing_written(), pytest.raises(NotPaid):
        hand_over([], gone)


def test_of_a_hand_over_both_are_mailed(mailoutbox):
    giver, receiver = make_fan(balance=50_000, locale="en"), make_fan(locale="en")
    (old,) = buy(giver, make_sale(), 0)
    Payment.objects.filter(pk=old.pk).update(confirmed_mail_at=NOW)
    hand_over([old], receiver)

    assert mail_sending.send_owed() == 2

    to = {mail.to[0]: mail for mail in mailoutbox}
    assert "handed over to you" in to[receiver.email].body
    assert "handed over to another account" in to[giver.email].body
    assert "Refunded" not in to[giver.email].body + to[giver.email].subject


# --- For nothing -------------------------------------------------------------------------------


def test_a_complimentary_ticket_stays_so_in_another_seat_and_in_other_hands():
    fan, receiver, sale = make_fan(balance=50_000), make_fan(), make_sale()
    given = give_away(fan, sale, 1)
    reprice(sale, 3, 90_000)

    (moved,) = rebooking.exchange(
        seats={given.reservation_id: sale.seats[3]}, actor_id=clerk_id(), note="Nearer", now=NOW
    ).payments
    (handed,) = hand_over([moved], receiver).payments

    assert [(each.price, each.complimentary) for each in (moved, handed)] == [(0, True)] * 2
    assert held_by(receiver, sale) == [3]
    assert broken_invariants() == {}


def test_nobody_is_given_a_seat_of_another_date_that_has_begun():
    fan, sale = make_fan(balance=50_000), make_sale()
    other = make_schedule(concert=sale.schedule.concert, concert_at=CONCERT_AT - timedelta(days=1))
    there = Sale(other, [seat.pk for seat in make_seats(other, 2, 50_000)])
    buy(fan, sale, 0)

    with nothing_written(), pytest.raises(SeatUnknown):
        exchange(fan, sale, 0, 0, to=there, now=other.concert_at)
