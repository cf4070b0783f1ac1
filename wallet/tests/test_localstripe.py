"""Stripe's class against localstripe: an emulator that others wrote after the same documents."""

from datetime import timedelta

import pytest
from django.utils import timezone

from wallet.providers.base import ProviderRefused, ProviderStatus
from wallet.providers.stripe import Stripe
from wallet.tests import localstripe as emulator
from wallet.tests.provider_orders import make_order, make_refund

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def running():
    with emulator.localstripe() as found:
        yield found


@pytest.fixture
def emulated(running, settings):
    for name, value in running.settings().items():
        setattr(settings, name, value)
    running.clear()
    return running


@pytest.fixture
def stripe(emulated):
    return Stripe()


def paid(stripe, emulated, amount=66_000):
    wanted = make_order(amount)
    intent = stripe.start(wanted).provider_reference
    emulated.pay(intent)
    return wanted, intent


def test_the_keys_of_an_emulator_are_found_good_and_others_are_told(stripe, settings):
    assert stripe.check() == []

    settings.STRIPE_SECRET_KEY = "rk_test_12345"
    assert Stripe().check() == [f"STRIPE_SECRET_KEY is refused by {settings.STRIPE_API_BASE} (unauthorized)"]


def test_a_payment_begins_open_with_what_the_fields_need(stripe):
    wanted = make_order()

    started = stripe.start(wanted)

    assert started.provider_reference.startswith("pi_")
    assert started.data["client_secret"].startswith(f"{started.provider_reference}_secret_")
    assert (started.next_url, started.is_paid) == (None, False)
    stands = stripe.look_up(wanted, started.provider_reference)
    assert (stands.status, stands.amount, stands.currency, stands.failure) == (ProviderStatus.OPEN, 66_000, "KRW", "")


def test_what_was_paid_is_told_with_its_card(stripe, emulated):
    wanted, intent = paid(stripe, emulated)

    stands = stripe.confirm(wanted, intent, {"redirect_status": "failed"})

    assert (stands.status, stands.amount, stands.currency) == (ProviderStatus.SUCCEEDED, 66_000, "KRW")
    assert (stands.method, stands.refunded, stands.provider_reference) == ("Visa 4242", 0, intent)


def test_a_declined_card_leaves_it_open_and_says_why(stripe, emulated):
    wanted = make_order()
    intent = stripe.start(wanted).provider_reference
    emulated.pay(intent, emulator.DECLINED)

    stands = stripe.look_up(wanted, intent)

    assert (stands.status, stands.failure) == (ProviderStatus.OPEN, "card_declined")


def test_what_was_canceled_cant_be_paid(stripe, emulated):
    wanted = make_order()
    intent = stripe.start(wanted).provider_reference

    ended = stripe.cancel(wanted, intent)

    assert (ended.status, ended.failure) == (ProviderStatus.FAILED, "canceled")
    emulated.pay(intent)
    assert stripe.look_up(wanted, intent).status == ProviderStatus.FAILED


def test_what_is_paid_isnt_canceled_any_more(stripe, emulated):
    wanted, intent = paid(stripe, emulated)

    assert stripe.cancel(wanted, intent).status == ProviderStatus.SUCCEEDED


def test_what_stripe_has_never_heard_of_is_unknown(stripe):
    assert stripe.look_up(make_order(), None).status == ProviderStatus.UNKNOWN
    assert stripe.look_up(make_order(), "pi_nothing").status == ProviderStatus.UNKNOWN


def test_an_amount_that_is_none_is_refused(stripe):
    with pytest.raises(ProviderRefused) as refused:
        stripe.start(make_order(amount=0))

    assert refused.value.code == "invalid_request_error"


def test_refunds_add_up_and_each_is_made_once(stripe, emulated):
    wanted, intent = paid(stripe, emulated)
    part, rest = make_refund(wanted, intent, 6_000), make_refund(wanted, intent, 60_000)

    made = [stripe.refund(each) for each in (part, part, rest, part)]

    assert {each.status for each in made} == {ProviderStatus.SUCCEEDED}
    assert len({each.provider_reference for each in made}) == 2
    assert stripe.look_up_refund(part, None) == made[0]
    assert stripe.look_up(wanted, intent).refunded == 66_000


def test_a_refund_that_was_never_asked_for_is_unknown(stripe, emulated):
    wanted, intent = paid(stripe, emulated)

    assert stripe.look_up_refund(make_refund(wanted, intent, 1), None).status == ProviderStatus.UNKNOWN


def test_the_book_of_a_day_has_payments_and_refunds_of_all_pages(stripe, emulated, monkeypatch):
    monkeypatch.setattr("wallet.providers.stripe.PAGE", 2)
    orders = [paid(stripe, emulated, amount=1_000 + nth) for nth in range(3)]
    given_back = make_refund(*orders[0], 400)
    refund = stripe.refund(given_back)
    today = timezone.localdate()

    book = stripe.book_of(today)

    assert sorted(line.amount for line in book) == [-400, 1_000, 1_001, 1_002]
    assert {line.provider_reference for line in book} == {intent for _, intent in orders} | {refund.provider_reference}
    assert [line.reference for line in book if line.amount < 0] == [given_back.reference]
    assert {line.currency for line in book} == {"KRW"}
    assert stripe.book_of(today - timedelta(days=1)) == []
    assert stripe.book_of(today + timedelta(days=1)) == []
