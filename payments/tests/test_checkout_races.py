"""Payments and refunds at the same moment, on connections of their own; guards with controls that lack them."""

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils.timezone import localdate

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import api_of, make_staff
from concert_site.lib.database.statements import fetch_one
from concert_site.lib.errors import Conflict, NotAllowed, PaymentRequired, TooManyRequests
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant, run
from concert_site.tests.pooled import session_settings
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.domain import card_refunds, checkout, refunds
from payments.models import Payment
from payments.tests.scenes import ledger_of, make_fan, make_paid, pay, payments_in
from queueing.domain import line
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.errors import HoldExpired
from reservations.models import Reservation
from reservations.tests.scenes import (
    HOLD,
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
from wallet.domain import ledger
from wallet.domain.errors import InsufficientBalance
from wallet.models import Balance
from wallet.tests.factories import balance_of

PAY = Path(checkout.__file__).with_name("pay_reservations.sql")
REFUND = Path(refunds.__file__).with_name("refund_reservation.sql")
CANCEL = Path(refunds.__file__).with_name("cancel_reservation.sql")
SELL_HELD = Path(holds.__file__).with_name("sell_held.sql")
BOOK_PAYMENTS = Path(ledger.__file__).with_name("book_payments.sql")
END_TOKENS = Path(line.__file__).with_name("end_tokens.sql")
SECOND = timedelta(seconds=1)

pytestmark = committed


def meanwhile(step):
    """Run a step on a connection of its own, which must not wait for ours."""
    (answer,) = at_once([step])
    return answer


def constraint_of(error):
    """The constraint that PostgreSQL says was broken."""
    return error.__cause__.diag.constraint_name


# --- The same payment --------------------------------------------------------------------------


def test_the_same_payment_at_once_is_made_once_and_answered_to_all():
    callers = 8
    for _ in range(4):
        fan, sale = make_fan(balance=150_000), make_sale()
        reservations = in_order(hold(fan, sale, 0, 1))

        receipts = at_once([partial(pay, fan, *reservations)] * callers)

        assert Counter(receipt.is_new for receipt in receipts) == {True: 1, False: callers - 1}
        assert len({tuple(payment.pk for payment in payments_in(receipt)) for receipt in receipts}) == 1
        assert {receipt.balance for receipt in receipts} == {50_000}
        assert (balance_of(fan), len(ledger_of(fan.pk, "PAYMENT"))) == (50_000, 2)
    assert broken_invariants() == {}


def test_a_payment_that_waits_for_its_twin_answers_the_twins():
    fan, sale = make_fan(balance=150_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))

    with transaction.atomic():
        first = pay(fan, *reservations)
        later = start_behind(partial(pay, fan, *reservations))

    again = later.result(timeout=60)
    assert (again.is_new, again.balance) == (False, 50_000)
    assert [payment.pk for payment in payments_in(again)] == [payment.pk for payment in payments_in(first)]


def test_a_payment_whose_twin_is_rolled_back_is_made():
    fan, sale = make_fan(balance=150_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))

    with transaction.atomic():
        pay(fan, *reservations)
        later = start_behind(partial(pay, fan, *reservations))
        transaction.set_rollback(True)

    assert later.result(timeout=60).is_new
    assert balance_of(fan) == 50_000


def pay_while_the_twin_commits_after_the_first_look():
    """The second request is about to look at the balance when the first one's payment appears."""
    fan, sale = make_fan(balance=150_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))
    with transaction.atomic():
        pay(fan, *reservations)
        run("lock table balance in access exclusive mode")
        return start_behind(partial(pay, fan, *reservations))


def test_a_payment_whose_twin_commits_while_it_looks_answers_the_twins():
    again = pay_while_the_twin_commits_after_the_first_look().result(timeout=60)

    assert (again.is_new, again.balance, len(payments_in(again))) == (False, 50_000, 2)


def test_control_bill_and_balance_of_two_moments_say_that_a_paid_bill_lacks_money():
    of_its_own = "(select b.amount from balance_of(p_fan) b) < v_bill.total then"
    with mutant(
        PAY,
        ("coalesce((select b.amount from balance_of(p_fan) b), 0) as balance", "0::bigint as balance"),
        ("v_bill.balance < v_bill.total then", of_its_own),
    ):
        later = pay_while_the_twin_commits_after_the_first_look()
        assert isinstance(later.exception(timeout=60), InsufficientBalance)


def test_payments_that_overlap_pay_each_seat_once():
    for _ in range(4):
        fan, sale = make_fan(balance=200_000), make_sale()
        one, two, three = in_order(hold(fan, sale, 0, 1, 2))

        receipts = at_once([partial(pay, fan, *each) for each in ((one, two), (three, two), (two, one), (three, one))])

        assert [len(payments_in(receipt)) for receipt in receipts] == [2] * 4
        assert (balance_of(fan), Payment.objects.of(user_id=fan.pk).count()) == (50_000, 3)
    assert broken_invariants() == {}


# --- The money ---------------------------------------------------------------------------------


def pay_while_the_money_is_being_spent():
    """Two bookings, money for one: the second payment saw enough of it before it had to wait."""
    fan, sale = make_fan(balance=50_000), make_sale()
    (first,), (second,) = in_order(hold(fan, sale, 0)), in_order(hold(fan, sale, 1))
    with transaction.atomic():
        pay(fan, first)
        later = start_behind(partial(pay, fan, second))
    return fan, later.exception(timeout=60)


def test_a_payment_that_waits_is_judged_by_what_is_left():
    fan, error = pay_while_the_money_is_being_spent()

    assert isinstance(error, InsufficientBalance)
    assert balance_of(fan) == 0
    assert broken_invariants() == {}


def test_control_without_the_balances_guard_only_the_check_stops_it():
    with mutant(BOOK_PAYMENTS, (" and b.amount >= v_total\n", "\n")):
        _, error = pay_while_the_money_is_being_spent()

    assert isinstance(error, IntegrityError)
    assert constraint_of(error) == "balance_not_below_zero"


def test_eight_payments_spend_what_is_there_and_no_more():
    for _ in range(3):
        fan, sale = make_fan(balance=150_000), make_sale(seats=8, tickets_per_fan=8)
        steps = [partial(pay, fan, *in_order(hold(fan, sale, nth))) for nth in range(8)]

        answers = at_once(steps)

        assert Counter(type(answer).__name__ for answer in answers) == {"Receipt": 3, "InsufficientBalance": 5}
        assert (balance_of(fan), statuses(sale).count("R")) == (0, 3)
    assert broken_invariants() == {}


# --- The end of the hold -----------------------------------------------------------------------


def test_release_lapsed_skips_what_is_being_paid():
    fan, sale = make_fan(balance=50_000), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))

    with transaction.atomic():
        pay(fan, reservation, now=LAPSED - SECOND)
        assert meanwhile(partial(holds.release_lapsed, now=LAPSED)) == 0

    assert holds.release_lapsed(now=LAPSED + SECOND) == 0
    assert statuses(sale) == "R"
    assert broken_invariants() == {}


@pytest.mark.parametrize("ender", ["beat", "another fan"])
def test_what_ended_while_the_payment_waited_is_not_paid(ender):
    fan, sale = make_fan(balance=50_000), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))

    with transaction.atomic():
        if ender == "beat":
            holds.release_lapsed(now=LAPSED)
        else:
            hold(make_fan(), sale, 0, now=LAPSED)
        later = start_behind(partial(pay, fan, reservation, now=LAPSED - SECOND))

    assert isinstance(later.exception(timeout=60), HoldExpired)
    assert balance_of(fan) == 50_000
    assert broken_invariants() == {}


def test_paying_at_the_end_of_the_hold_or_lapsing_but_never_both():
    outcomes = Counter()
    for _ in range(8):
        fan, sale = make_fan(balance=50_000), make_sale(seats=1)
        (reservation,) = in_order(hold(fan, sale, 0))
        steps = [partial(pay, fan, reservation, now=LAPSED - SECOND), partial(holds.release_lapsed, now=LAPSED)]

        paid, _ = at_once(steps)

        outcomes[type(paid).__name__] += 1
        assert (statuses(sale), balance_of(fan)) == (("A", 50_000) if isinstance(paid, HoldExpired) else ("R", 0))
    assert set(outcomes) <= {"Receipt", "HoldExpired"}
    assert broken_invariants() == {}


# --- Giving up, and taking again ---------------------------------------------------------------


def pay_while_the_fan_gives_up_and_takes_again():
    """When the payment gets the seat it is the fan's and TEMPORARY, as before: for another reservation."""
    fan, sale = make_fan(balance=50_000), make_sale(seats=1)
    (old,) = in_order(hold(fan, sale, 0))
    with transaction.atomic():
        holds.release_hold(reservation_id=old, user_id=fan.pk, now=NOW)
        (new,) = in_order(hold(fan, sale, 0))
        later = start_behind(partial(pay, fan, old))
    return fan, new, later.exception(timeout=60)


def test_a_hold_that_was_given_up_and_taken_again_is_not_paid_by_its_old_number():
    fan, new, error = pay_while_the_fan_gives_up_and_takes_again()

    assert isinstance(error, HoldExpired)
    assert balance_of(fan) == 50_000
    assert pay(fan, new).is_new
    assert broken_invariants() == {}


def test_control_without_the_reservations_lock_only_the_trigger_stops_it():
    """The payment believes the seat, and would take the money for a canceled reservation."""
    with mutant(SELL_HELD, ("and r.id = any (p_reservations) and r.status = 'RESERVING'\n", "\n")):
        fan, _, error = pay_while_the_fan_gives_up_and_takes_again()

    assert isinstance(error, DatabaseError)
    assert 'from "CANCELED" to "RESERVED" on table reservation' in str(error)
    assert balance_of(fan) == 50_000


@pytest.mark.parametrize("is_paid_first", [True, False])
def test_canceling_behind_a_payment_refunds_and_paying_behind_a_cancel_is_refused(is_paid_first):
    fan, sale = make_fan(balance=50_000), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))
    cancel = partial(refunds.cancel, user_id=fan.pk, reservation_id=reservation, now=NOW)

    with transaction.atomic():
        if is_paid_first:
            pay(fan, reservation)
        else:
            holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=NOW)
        later = start_behind(cancel if is_paid_first else partial(pay, fan, reservation))

    if is_paid_first:
        assert later.result(timeout=60).refund == 50_000
    else:
        assert isinstance(later.exception(timeout=60), HoldExpired)
    assert (statuses(sale), balance_of(fan)) == ("A", 50_000)
    assert broken_invariants() == {}


def test_canceling_and_paying_at_once_end_canceled_with_the_money_back():
    for _ in range(8):
        fan, sale = make_fan(balance=50_000), make_sale(seats=1)
        (reservation,) = in_order(hold(fan, sale, 0))
        cancel = partial(refunds.cancel, user_id=fan.pk, reservation_id=reservation, now=NOW)

        canceled, paid = at_once([cancel, partial(pay, fan, reservation)])

        assert canceled.reservation.status == "CANCELED"
        assert isinstance(paid, checkout.Receipt | HoldExpired)
        assert (statuses(sale), balance_of(fan)) == ("A", 50_000)
    assert broken_invariants() == {}


# --- Refunds -----------------------------------------------------------------------------------


def test_eight_refunds_at_once_give_the_money_back_once():
    for _ in range(3):
        payment = make_paid()
        cancel = partial(refunds.cancel, user_id=payment.user_id, reservation_id=payment.reservation_id, now=NOW)
        by_staff = partial(
            card_refunds.refund_by_staff,
            reservation_id=payment.reservation_id,
            actor_id=payment.user_id,
            note="Ill",
            now=NOW,
        )

        answers = at_once([cancel, by_staff] * 4)

        assert {answer.balance for answer in answers[::2]} == {50_000}
        assert sum(answer.is_new for answer in answers[1::2]) in (0, 1)
        assert ledger_of(payment.user_id, "REFUND") == [("REFUND", 50_000, 50_000, payment.pk)]
    assert broken_invariants() == {}


def test_a_refund_that_waits_for_another_finds_nothing_to_refund():
    payment, staff = make_paid(), make_staff()
    order = {"note": "Ill", "actor_id": staff.pk, "now": NOW}

    with transaction.atomic():
        assert refunds.refund(payment.reservation_id, fee=1_000, **order)
        later = start_behind(partial(refunds.refund, payment.reservation_id, fee=2_000, **order))

    assert later.result(timeout=60) is False
    assert ledger_of(payment.user_id, "REFUND") == [("REFUND", 49_000, 49_000, payment.pk)]
    assert broken_invariants() == {}


def refund_behind_another():
    """A second refund starts while the first is not committed; its error, if it fails."""
    payment, staff = make_paid(), make_staff()
    order = {"note": "Ill", "actor_id": staff.pk, "now": NOW}
    with transaction.atomic():
        refunds.refund(payment.reservation_id, fee=1_000, **order)
        later = start_behind(partial(refunds.refund, payment.reservation_id, fee=2_000, **order))
    return payment, later.exception(timeout=60)


def test_control_without_the_look_behind_the_lock_the_second_refund_is_a_mistake_of_ours():
    with mutant(SELL_HELD, ("and r.status = 'RESERVED' for no key update;", "for no key update;")):
        payment, error = refund_behind_another()

    assert isinstance(error, DatabaseError)
    assert balance_of(payment.user) == 49_000


def test_control_without_any_look_behind_the_lock_the_money_is_saved_by_the_ledgers_constraint():
    with (
        mutant(SELL_HELD, ("and r.status = 'RESERVED' for no key update;", "for no key update;")),
        mutant(REFUND, ("and p.state = 'COMPLETED'\n", "\n")),
    ):
        payment, error = refund_behind_another()

    assert constraint_of(error) == "history_payment_once_a_kind"
    assert balance_of(payment.user) == 49_000


def terms_of(payment):
    """What a refund of it goes by, as it was when it was quoted."""
    schedule = payment.reservation.concert_schedule_id
    return fetch_one("select refund_terms_of(%(schedule)s) as terms", {"schedule": schedule})["terms"]


def test_a_fee_of_yesterday_is_not_taken_after_midnight():
    """The quote and the refund are two statements: midnight may come between them."""
    payment = make_paid()
    order = {"fan": payment.user_id, "reservation": payment.reservation_id, "agreed": None, "now": NOW}
    yesterday = refunds.Fee(7, on=localdate(NOW) - timedelta(days=1), zone=settings.TIME_ZONE, terms=terms_of(payment))

    with nothing_changed():
        row = refunds.try_to_cancel(order, fee=yesterday)

    assert row["refusal"] == "quote_first"


def test_control_without_the_day_the_fee_of_yesterday_is_taken():
    payment = make_paid()
    order = {"fan": payment.user_id, "reservation": payment.reservation_id, "agreed": None, "now": NOW}
    guard = "p_fee is null or p_fee_of_day is distinct from day_at(p_zone, null, v_at)"

    with mutant(CANCEL, (guard, "p_fee is null")):
        row = refunds.try_to_cancel(
            order,
            fee=refunds.Fee(7, on=localdate(NOW) - timedelta(days=1), zone=settings.TIME_ZONE, terms=terms_of(payment)),
        )

    assert (row["refusal"], row["refund_fee"]) == (None, 7)


def test_a_refund_that_the_wallet_cannot_hold_changes_nothing():
    payment = make_paid()
    Balance.objects.filter(user=payment.user).update(amount=ledger.LARGEST_BALANCE)

    with nothing_written():
        refused = api_of(payment.user).post(f"/api/v1/reservations/{payment.reservation_id}/cancel/")

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "balance_too_large")


def test_a_refunded_seat_goes_to_one_of_those_who_were_waiting_for_it():
    for _ in range(3):
        payment = make_paid()
        reservation = Reservation.objects.select_related("concert_schedule").get(pk=payment.reservation_id)
        sale = make_sale(seats=0)
        sale = type(sale)(reservation.concert_schedule, [reservation.concert_seat_id])
        fans = [make_fan() for _ in range(4)]
        steps = [partial(hold_with, let_in(fan, sale), fan, sale, 0) for fan in fans]
        cancel = partial(refunds.cancel, user_id=payment.user_id, reservation_id=payment.reservation_id, now=NOW)

        _, *answers = at_once([cancel, *steps])

        assert Counter(type(answer).__name__ for answer in answers)["Booking"] <= 1
    assert broken_invariants() == {}


# --- The token ---------------------------------------------------------------------------------


def pay_while_the_fan_holds_another_seat():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    with transaction.atomic():
        hold(fan, sale, 1)
        later = start_behind(partial(pay, fan, reservation))
    assert later.result(timeout=60).is_new
    return token_of(fan, sale)


def test_a_payment_that_waits_for_a_hold_leaves_the_token_to_it():
    assert pay_while_the_fan_holds_another_seat().status == "ACTIVE"


def test_control_without_the_tokens_lock_the_new_hold_is_overlooked():
    """The update waits as well, but what it asks besides its row it asks of the past."""
    with mutant(END_TOKENS, ("\n      order by t.id\n        for no key update;\n", ";\n")):
        assert pay_while_the_fan_holds_another_seat() is None


def test_of_two_payments_at_once_the_last_ends_the_token():
    for _ in range(8):
        fan, sale = make_fan(balance=100_000), make_sale()
        one, two = in_order(hold(fan, sale, 0, 1))

        at_once([partial(pay, fan, one), partial(pay, fan, two)])

        token = WaitingToken.objects.of(user_id=fan.pk).get()
        assert (token.status, token.expired_reason) == ("EXPIRED", "PAID")


# --- The order of locks ------------------------------------------------------------------------


def want_the_higher_seat_while_a_payment_waits_for_the_lower():
    """Somebody has the lower seat and wants the higher one, while a payment of both begins."""
    fan, sale = make_fan(balance=100_000), make_sale()
    reservations = in_order(hold(fan, sale, 0, 1))
    lock = "select 1 from concert_seat where id = {} for no key update"
    with transaction.atomic():
        run("set local deadlock_timeout = '20s'; set local lock_timeout = '60s'", lock.format(sale.seats[0]))
        later = start_behind(partial(pay_with_quick_deadlock, fan, reservations))
        run(lock.format(sale.seats[1]))
    return later


def pay_with_quick_deadlock(fan, reservations):
    # It looks once, and by then the other has to wait as well, on a busy machine too.
    with session_settings(deadlock_timeout="1s", lock_timeout="60s"):
        return pay(fan, *reservations)


def test_a_payment_waits_for_the_lower_seat_while_it_has_none():
    assert want_the_higher_seat_while_a_payment_waits_for_the_lower().result(timeout=60).is_new


def test_control_locking_the_other_way_round_is_a_deadlock():
    seats = "r.status = 'RESERVING'\n      order by s.id\n"
    with mutant(SELL_HELD, (seats, seats.replace("s.id", "s.id desc"))):
        error = want_the_higher_seat_while_a_payment_waits_for_the_lower().exception(timeout=60)

    assert isinstance(error, OperationalError)
    assert "deadlock detected" in str(error)


@pytest.mark.parametrize("call", ["payments/", "reservations/{}/cancel/", "reservations/{}/extend/"])
def test_a_lock_that_is_not_given_in_time_is_503_and_says_when_to_come_back(call):
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))

    def ask():
        body = {"reservations": [reservation]} if call == "payments/" else {}
        with session_settings(lock_timeout="100ms"):
            return api_of(fan).post(f"/api/v1/{call.format(reservation)}", body, format="json")

    with transaction.atomic():
        pay(fan, reservation)
        answer = meanwhile(ask)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) >= 1
    assert (statuses(sale)[0], balance_of(fan)) == ("R", 0)


# --- Everything at once ------------------------------------------------------------------------


class Crowd:
    """Few fans who click a lot, on few seats, by clocks that differ by more than a hold."""

    def __init__(self):
        self.sale = make_sale(seats=8, tickets_per_fan=3)
        self.fans = [make_fan(balance=400_000) for _ in range(4)]

    def click(self, seed):
        chance, clicks = random.Random(seed), Counter()
        kinds = [self.hold] * 2 + [self.pay] * 2 + [self.cancel, self.extend, self.tidy]
        for turn in range(30):
            now = NOW + turn * 20 * SECOND + chance.random() * 2 * HOLD
            step = chance.choice(kinds)
            # No token: the other connection's payment has ended it. Too many requests: seats were given back too often.
            with suppress(Conflict, PaymentRequired, NotAllowed, TooManyRequests):
                step(chance, chance.choice(self.fans), now)
                clicks[step.__name__] += 1
        return clicks

    def hold(self, chance, fan, now):
        inside = token_of(fan, self.sale)
        token = inside.token if inside else self.come_back(fan)
        hold_with(token, fan, self.sale, *chance.sample(range(8), chance.randint(1, 3)), now=now)

    def come_back(self, fan):
        with suppress(IntegrityError):
            return let_in(fan, self.sale, expired_at=NOW + 20 * HOLD)

    def pay(self, chance, fan, now):
        if found := self.of(fan, "RESERVING"):
            pay(fan, *chance.sample(found, chance.randint(1, len(found))), now=now)

    def cancel(self, chance, fan, now):
        if found := self.of(fan, "RESERVING", "RESERVED"):
            refunds.cancel(user_id=fan.pk, reservation_id=chance.choice(found), now=now)

    def extend(self, chance, fan, now):
        if found := self.of(fan, "RESERVING"):
            holds.extend_hold(user_id=fan.pk, reservation_id=chance.choice(found), now=now)

    def tidy(self, chance, fan, now):
        holds.release_lapsed(now=now, batch=2)

    def of(self, fan, *states):
        found = Reservation.objects.of(user_id=fan.pk).filter(status__in=states)
        return list(found.values_list("pk", flat=True))


def test_concurrent_holds_payments_and_cancellations_keep_the_audit():
    crowd = Crowd()

    answers = at_once([partial(crowd.click, seed) for seed in range(10)])

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert min(sum(answers, Counter()).values()) > 5
    assert broken_invariants() == {}
