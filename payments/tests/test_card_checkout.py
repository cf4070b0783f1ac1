"""Paying by card: exactly what the wallet lacks, at once, and whatever happens meanwhile nothing is lost."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.lib.errors import Unavailable
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import mutant, run
from concert_site.tests.pooled import session_settings
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.domain import card_checkout, refunds, settlement
from payments.domain.card_checkout import PaidAtOnce
from payments.domain.errors import PaymentUnderWay
from payments.models import Payment
from payments.tests.pages import let_lapse
from payments.tests.scenes import ledger_of, pay
from reservations.domain.errors import HoldExpired
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.domain import ledger, reconciler, top_ups
from wallet.models import LedgerKind, SandboxPayment, TopUp
from wallet.providers import TopUpUnavailable, provider_named, sandbox
from wallet.providers.base import ProviderAway
from wallet.tests.factories import balance_of, make_charge, make_fan

SETTLE = Path(settlement.__file__).with_name("settle_booking.sql")

LOCK_SEAT = """
select 1 from concert_seat s join reservation r on r.concert_seat_id = s.id where r.id = {} for no key update of s"""

pytestmark = pytest.mark.django_db


def scene(*nth, balance=20_500, price=50_000):
    """A fan with too little who holds seats: fan, sale, reservations."""
    fan, sale = make_fan(balance=balance), make_sale(price=price)
    return fan, sale, in_order(hold(fan, sale, *(nth or (0,)), now=None))


def by_card(fan, *reservations):
    return card_checkout.pay(user_id=fan.pk, reservation_ids=list(reservations))


def settled(top_up):
    """What the provider says of it is taken note of, as the return, a webhook or the reconciler do."""
    return top_ups.settle(top_up, top_ups.look_up(top_up))


def paid_at_the_provider(top_up):
    sandbox.pay(top_up.reference)
    return settled(top_up)


@pytest.fixture
def provider_away(monkeypatch):
    """The sandbox, of which nobody hears any more."""

    def away(*_args, **_words):
        raise ProviderAway("timeout")

    def go(*steps):
        for step in steps:
            monkeypatch.setattr(provider_named("sandbox"), step, away, raising=False)

    return go


# --- The way -----------------------------------------------------------------------------------


def test_what_the_wallet_lacks_is_collected_and_pays_at_once():
    fan, sale, held = scene(0, 1, balance=20_500)

    begun = by_card(fan, *held)

    assert isinstance(begun, TopUp)
    assert (begun.amount, begun.reservations, begun.state) == (79_500, held, "PENDING")
    assert (balance_of(fan), statuses(sale)) == (20_500, "TTAAAA")
    done = paid_at_the_provider(begun)
    assert (done.state, done.outcome, balance_of(fan), statuses(sale)) == ("SUCCEEDED", "PAID", 0, "RRAAAA")
    assert [row[:3] for row in ledger_of(fan.pk, "CHARGE", "PAYMENT")][1:] == [
        ("CHARGE", 79_500, 100_000),
        ("PAYMENT", -50_000, 50_000),
        ("PAYMENT", -50_000, 0),
    ]
    assert broken_invariants() == {}


def test_enough_in_the_wallet_asks_no_provider():
    fan, sale, held = scene(balance=50_000)

    paid = by_card(fan, *held)

    assert isinstance(paid, PaidAtOnce)
    assert (paid.is_new, paid.receipt.balance, statuses(sale)[0]) == (True, 0, "R")
    assert TopUp.objects.filter(purpose="BOOKING").count() == SandboxPayment.objects.count() == 0


def test_seats_are_held_while_the_provider_has_the_fan_and_the_payment_ends_with_them(settings):
    settings.CARD_HOLD_SECONDS = 450
    fan, _sale, held = scene()

    begun = by_card(fan, *held)

    (reservation,) = Payment.reservation.field.related_model.objects.filter(pk__in=held)
    assert reservation.expired_at == begun.expires_at
    assert begun.expires_at - reservation.created_at == timedelta(seconds=450)


def test_a_house_that_takes_no_money_online_says_so_and_prolongs_nothing(settings):
    settings.WALLET_PROVIDER = ""
    fan, _sale, held = scene()

    with nothing_changed(), pytest.raises(TopUpUnavailable):
        by_card(fan, *held)


def test_a_hold_that_is_over_is_refused_before_anybody_is_asked():
    fan, sale = make_fan(balance=1_000), make_sale()
    booking = hold(fan, sale, 0, now=None)
    let_lapse(booking)

    with nothing_written(), pytest.raises(HoldExpired):
        by_card(fan, *in_order(booking))


def test_a_part_that_is_paid_is_not_collected_again():
    fan, _sale, held = scene(0, 1, balance=60_000)
    pay(fan, held[0], now=None)

    begun = by_card(fan, *held)

    assert (begun.amount, begun.reservations) == (40_000, held[1:])


# --- Again, and otherwise ----------------------------------------------------------------------


def test_a_repeated_card_checkout_is_the_same_payment():
    fan, _sale, held = scene(0, 1)

    first, again = by_card(fan, *held), by_card(fan, *reversed(held))

    assert first == again
    assert (TopUp.objects.filter(purpose="BOOKING").count(), SandboxPayment.objects.count()) == (1, 1)


def test_another_sum_by_now_ends_the_older_one_at_the_provider():
    fan, _sale, held = scene(balance=20_500)
    older = by_card(fan, *held)
    make_charge(fan, amount=10_000)

    newer = by_card(fan, *held)

    older.refresh_from_db()
    assert (older.state, older.failure) == ("FAILED", "canceled")
    assert SandboxPayment.objects.get(reference=older.reference).failed_at
    assert (newer.amount, newer.state) == (19_500, "PENDING")


def test_fewer_seats_end_the_one_for_all_of_them():
    fan, _sale, held = scene(0, 1)
    older = by_card(fan, *held)

    newer = by_card(fan, held[0])

    older.refresh_from_db()
    assert (older.state, newer.amount, newer.reservations) == ("FAILED", 29_500, held[:1])


def test_one_that_was_declined_unheard_is_not_shown_again():
    fan, _sale, held = scene()
    older = by_card(fan, *held)
    sandbox.decline(older.reference)

    newer = by_card(fan, *held)

    older.refresh_from_db()
    assert (older.state, older.failure) == ("FAILED", "card_declined")
    assert (newer.state, newer != older) == ("PENDING", True)


def test_one_that_was_paid_unheard_pays():
    fan, sale, held = scene()
    sandbox.pay(by_card(fan, *held).reference)

    paid = by_card(fan, *held)

    assert isinstance(paid, PaidAtOnce)
    assert (statuses(sale)[0], balance_of(fan), Payment.objects.count()) == ("R", 0, 1)


def test_while_the_provider_is_taking_the_older_one_no_other_is_begun():
    fan, sale, held = scene()
    older = by_card(fan, *held)
    sandbox.pay(older.reference, after_seconds=20)
    make_charge(fan, amount=10_000)

    with pytest.raises(PaymentUnderWay):
        by_card(fan, *held)

    older.refresh_from_db()
    assert (older.state, TopUp.objects.filter(purpose="BOOKING").count()) == ("PENDING", 1)
    SandboxPayment.objects.update(succeeds_at=older.created_at)
    assert (settled(older).outcome, balance_of(fan), statuses(sale)[0]) == ("PAID", 10_000, "R")


def test_while_the_older_ones_provider_is_away_no_other_is_begun(provider_away):
    fan, _sale, held = scene()
    by_card(fan, *held)
    make_charge(fan, amount=10_000)
    provider_away("cancel")

    with pytest.raises(Unavailable):
        by_card(fan, *held)

    assert TopUp.objects.filter(purpose="BOOKING").count() == 1


def test_a_provider_that_is_away_leaves_it_on_record_and_the_same_again_asks_again(provider_away, monkeypatch):
    fan, _sale, held = scene()
    provider_away("start", "look_up")
    begun = by_card(fan, *held)
    assert (begun.state, begun.next_look_at is not None) == ("CREATED", True)

    monkeypatch.undo()

    again = by_card(fan, *held)
    assert (again, again.state) == (begun, "PENDING")


# --- Too late, or no longer enough -------------------------------------------------------------


def test_money_that_comes_too_late_for_the_seats_stays_in_the_wallet():
    fan, sale = make_fan(balance=20_500), make_sale()
    booking = hold(fan, sale, 0, now=None)
    begun = by_card(fan, *in_order(booking))
    let_lapse(booking)

    done = paid_at_the_provider(begun)

    assert (done.outcome, balance_of(fan), Payment.objects.count()) == ("KEPT", 50_000, 0)
    assert broken_invariants() == {}


def test_what_the_wallet_was_spent_on_meanwhile_is_missing_and_all_is_kept():
    fan, sale, held = scene(balance=50_000, price=60_000)
    begun = by_card(fan, *held)
    other = make_sale(price=50_000)
    pay(fan, *in_order(hold(fan, other, 0, now=None)), now=None)

    done = paid_at_the_provider(begun)

    assert (done.outcome, balance_of(fan), statuses(sale)[0], statuses(other)[0]) == ("KEPT", 10_000, "T", "R")
    assert broken_invariants() == {}


def paid_from_the_wallet_meanwhile():
    fan, sale, held = scene()
    begun = by_card(fan, *held)
    make_charge(fan, amount=29_500)
    pay(fan, *held, now=None)
    return fan, sale, paid_at_the_provider(begun)


def test_what_was_paid_from_the_wallet_meanwhile_is_not_paid_twice_and_the_money_is_kept():
    fan, sale, done = paid_from_the_wallet_meanwhile()

    assert (done.outcome, balance_of(fan), statuses(sale)[0], Payment.objects.count()) == ("KEPT", 29_500, "R", 1)
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
def test_control_without_asking_whether_anything_was_paid_now_it_would_be_told_wrong():
    with mutant(SETTLE, (" and v_paid.is_new", "")):
        assert paid_from_the_wallet_meanwhile()[2].outcome == "PAID"


def test_what_was_canceled_meanwhile_is_kept():
    fan, sale, held = scene()
    begun = by_card(fan, *held)
    refunds.cancel(user_id=fan.pk, reservation_id=held[0])

    done = paid_at_the_provider(begun)

    assert (done.outcome, balance_of(fan), statuses(sale)[0]) == ("KEPT", 50_000, "A")


def test_paid_otherwise_it_is_ended_at_the_provider():
    fan, _sale, held = scene()
    begun = by_card(fan, *held)
    make_charge(fan, amount=29_500)
    pay(fan, *held, now=None)

    top_ups.abandon_all_for(held, user_id=fan.pk)

    begun.refresh_from_db()
    assert (begun.state, begun.failure) == ("FAILED", "canceled")
    sandbox.pay(begun.reference)
    assert (settled(begun).state, balance_of(fan)) == ("FAILED", 0)


def test_enough_in_the_wallet_by_now_ends_what_is_under_way():
    fan, sale, held = scene()
    begun = by_card(fan, *held)
    make_charge(fan, amount=29_500)

    assert isinstance(by_card(fan, *held), PaidAtOnce)

    begun.refresh_from_db()
    assert (begun.state, begun.failure, statuses(sale)[0]) == ("FAILED", "canceled", "R")
    assert SandboxPayment.objects.get(reference=begun.reference).failed_at


# --- At once -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_nth", range(3))
def test_clicks_in_four_tabs_are_one_payment(_nth):
    fan, _sale, held = scene(0, 1)

    answers = at_once([partial(by_card, fan, *held) for _ in range(4)])

    assert {answer.pk for answer in answers} == {TopUp.objects.get(purpose="BOOKING").pk}
    assert SandboxPayment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_nth", range(3))
def test_whoever_reports_it_first_it_is_credited_and_paid_once(_nth):
    fan, sale, held = scene(0, 1)
    top_up = by_card(fan, *held)
    sandbox.pay(top_up.reference)

    at_once([lambda: settled(TopUp.objects.get(pk=top_up.pk)) for _ in range(4)])

    top_up.refresh_from_db()
    assert (top_up.outcome, balance_of(fan), statuses(sale)) == ("PAID", 0, "RRAAAA")
    assert len(ledger_of(fan.pk, "CHARGE", "PAYMENT")) == 1 + 1 + 2
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_nth", range(5))
def test_paid_by_card_and_given_back_at_once_one_of_them_is_done(_nth):
    fan, sale, held = scene()
    top_up = by_card(fan, *held)
    sandbox.pay(top_up.reference)

    at_once([lambda: settled(top_up), lambda: refunds.cancel(user_id=fan.pk, reservation_id=held[0], agreed=0)])

    top_up.refresh_from_db()
    assert (top_up.outcome, balance_of(fan), statuses(sale)[0]) in {
        ("PAID", 0, "R"),
        ("PAID", 50_000, "A"),
        ("KEPT", 50_000, "A"),
    }
    assert broken_invariants() == {}


def settle_while_somebody_has_the_seat_and_wants_the_wallet():
    """As a refund does, in the order of locks that all keep to."""
    fan, _sale, held = scene()
    top_up = by_card(fan, *held)
    sandbox.pay(top_up.reference)

    with transaction.atomic():
        run("set local deadlock_timeout = '20s'; set local lock_timeout = '60s'", LOCK_SEAT.format(held[0]))
        later = start_behind(partial(settled_with_quick_deadlock, top_up.pk))
        ledger.book(user_id=fan.pk, kind=LedgerKind.ADJUSTMENT, amount=1, note="a test", actor_id=fan.pk)
    return later


def settled_with_quick_deadlock(pk):
    # It looks once, and by then the other has to wait as well, on a busy machine too.
    with session_settings(deadlock_timeout="1s", lock_timeout="60s"):
        return settled(TopUp.objects.get(pk=pk))


@pytest.mark.django_db(transaction=True)
def test_settling_waits_for_the_seat_while_it_has_no_lock_on_the_wallet():
    assert settle_while_somebody_has_the_seat_and_wants_the_wallet().result(timeout=60).outcome == "PAID"
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
def test_control_crediting_before_the_seat_is_locked_is_a_deadlock():
    with mutant(SETTLE, ("        perform lock_held(v_order.fan, v_held, v_seats, v_at);\n", "        perform 1;\n")):
        error = settle_while_somebody_has_the_seat_and_wants_the_wallet().exception(timeout=60)

    assert "deadlock detected" in str(error)


def test_a_payment_whose_seats_an_app_paid_from_the_wallet_is_ended_by_the_reconciler():
    fan, _sale, seats = scene(0, 1, balance=0)
    begun = by_card(fan, *seats)
    reconciler.reconcile(begun)
    assert begun.is_open
    make_charge(fan, amount=100_000)
    pay(fan, *seats, now=None)

    reconciler.reconcile(begun)

    begun.refresh_from_db()
    assert (begun.state, begun.failure) == ("FAILED", "canceled")
    assert balance_of(fan) == 0
    assert broken_invariants() == {}
