"""Stripe's class against a server that goes wrong: what is known, what isn't, and that nothing moves twice."""

import json
import logging
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from wallet.providers import stripe as stripe_module
from wallet.providers.base import ProviderAway, ProviderRefused, ProviderStatus
from wallet.providers.stripe import Stripe
from wallet.tests.provider_orders import make_order, make_refund

SILENT = ["silence", "hangup", "500", "garbage"]


def paid(stripe, server, amount=66_000):
    order = make_order(amount)
    intent = stripe.start(order).provider_reference
    server.stripe.pay(order.reference)
    return order, intent


# --- Settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"STRIPE_SECRET_KEY": ""}, ["STRIPE_SECRET_KEY is not set, and Stripe takes the money"]),
        ({"STRIPE_WEBHOOK_SECRET": ""}, ["STRIPE_WEBHOOK_SECRET is not set, and Stripe takes the money"]),
        (
            {"STRIPE_PUBLISHABLE_KEY": "pk_live_1"},
            ["STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are not both test or both live"],
        ),
        ({"CURRENCY": "ISK"}, ["CURRENCY=ISK is counted in other units by Stripe than here"]),
        ({"CURRENCY": "USD"}, []),
    ],
)
def test_settings_that_dont_fit_are_told_by_name(server, settings, changes, said):
    for name, value in changes.items():
        setattr(settings, name, value)

    assert Stripe().check() == said


def test_a_key_that_stripe_refuses_is_told_and_not_shown(server, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_mistyped"

    (said,) = Stripe().check()

    assert said == f"STRIPE_SECRET_KEY is refused by {server.url} (unauthorized)"


def test_a_stripe_that_is_away_keeps_nobody_from_starting(server, settings):
    server.fail("before", "balance")
    assert Stripe().check() == []

    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    assert Stripe().check() == []


@pytest.mark.parametrize(("currency", "decimals"), [("KRW", 0), ("JPY", 0), ("USD", 2), ("KWD", 3), ("ISK", 2)])
def test_amounts_have_stripes_decimals(currency, decimals):
    assert stripe_module.decimals_of(currency) == decimals


# --- Payments ----------------------------------------------------------------------------------


def test_a_payment_started_twice_is_started_once(stripe, server):
    order = make_order()

    first, again = stripe.start(order), stripe.start(order)

    assert first == again
    assert len(server.stripe.intents) == 1
    assert server.asked == [("POST", "/v1/payment_intents", order.reference)] * 2


@pytest.mark.parametrize("kind", ["before", "busy", *SILENT])
def test_a_start_that_was_lost_can_be_repeated(stripe, server, kind):
    order = make_order()
    server.fail(kind, "payment_intents")

    with pytest.raises(ProviderAway):
        stripe.start(order)

    # What has broken once is broken for its key, for a day: that one is given up.
    if kind == "500":
        with pytest.raises(ProviderAway):
            stripe.start(order)
    else:
        assert stripe.start(order).data["client_secret"].startswith("pi_")
    assert len(server.stripe.intents) == 1


def test_the_library_asks_again_by_the_same_key(server, monkeypatch):
    monkeypatch.setattr(stripe_module, "RETRIES", 1)
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)
    order = make_order()
    server.fail("hangup")

    started = Stripe().start(order)

    assert [key for _, _, key in server.asked] == [order.reference] * 2
    assert list(server.stripe.intents) == [started.provider_reference]


def test_an_amount_that_stripe_refuses_is_refused_by_its_code(stripe, server):
    with pytest.raises(ProviderRefused) as refused:
        stripe.start(make_order(99))

    assert refused.value.code == "amount_too_small"
    assert server.stripe.intents == {}


@pytest.mark.parametrize("kind", ["before", "busy", "silence", "hangup", "garbage"])
def test_an_answer_that_is_lost_says_nothing_about_the_payment(stripe, server, kind):
    order, intent = paid(stripe, server)
    server.fail(kind)

    with pytest.raises(ProviderAway):
        stripe.look_up(order, intent)

    assert stripe.look_up(order, intent).status == ProviderStatus.SUCCEEDED


def test_a_key_that_was_revoked_says_nothing_about_the_payment(stripe, server):
    order, intent = paid(stripe, server)
    server.stripe.secret_key = "sk_test_rolled"

    for ask in (stripe.look_up, stripe.cancel):
        with pytest.raises(ProviderAway, match="unauthorized"):
            ask(order, intent)
    with pytest.raises(ProviderAway, match="unauthorized"):
        stripe.refund(make_refund(order, intent, 1_000))


@pytest.mark.parametrize(("kind", "name"), [("card", "Visa 4242"), ("kakao_pay", "Kakao Pay")])
def test_what_was_paid_with_is_told_as_fans_call_it(stripe, server, kind, name):
    order = make_order()
    intent = stripe.start(order).provider_reference
    server.stripe.pay(order.reference, kind)

    stands = stripe.look_up(order, intent)

    assert (stands.status, stands.amount, stands.currency, stands.method) == (
        ProviderStatus.SUCCEEDED,
        66_000,
        "KRW",
        name,
    )


def test_a_declined_card_leaves_it_open_with_what_the_bank_said(stripe, server):
    order = make_order()
    intent = stripe.start(order).provider_reference
    server.stripe.decline(order.reference)

    stands = stripe.confirm(order, intent, {})
    assert (stands.status, stands.failure) == (ProviderStatus.OPEN, "insufficient_funds")

    server.stripe.pay(order.reference)
    assert stripe.confirm(order, intent, {}).status == ProviderStatus.SUCCEEDED


def test_a_payment_whose_beginning_was_lost_is_found_by_our_reference(stripe, server):
    order = make_order()
    server.fail("hangup")
    with pytest.raises(ProviderAway):
        stripe.start(order)

    stands = stripe.look_up(order, None)

    assert (stands.status, stands.provider_reference) == (ProviderStatus.OPEN, next(iter(server.stripe.intents)))
    assert stripe.look_up(make_order(), None).status == ProviderStatus.UNKNOWN


def test_what_is_canceled_can_be_canceled_again_and_isnt_paid(stripe, server):
    order = make_order()
    intent = stripe.start(order).provider_reference

    ended = [stripe.cancel(order, intent) for _ in range(2)]
    server.stripe.pay(order.reference)

    assert [(each.status, each.failure) for each in ended] == [(ProviderStatus.FAILED, "canceled")] * 2
    assert server.book() == []


def test_what_is_under_way_at_a_bank_isnt_canceled(stripe, server):
    order = make_order()
    intent = stripe.start(order).provider_reference
    server.stripe.process(order.reference)

    assert stripe.cancel(order, intent).status == ProviderStatus.OPEN


def test_what_stripe_never_heard_of_is_canceled_for_good(stripe, server):
    assert stripe.cancel(make_order(), None).status == ProviderStatus.FAILED


# --- Refunds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SILENT)
def test_a_refund_whose_answer_was_lost_is_made_once(stripe, server, kind):
    order, intent = paid(stripe, server)
    wanted = make_refund(order, intent, 6_000)
    server.fail(kind, "POST /v1/refunds")
    with pytest.raises(ProviderAway):
        stripe.refund(wanted)

    made = stripe.refund(wanted)

    assert (made.status, len(server.stripe.refunds)) == (ProviderStatus.SUCCEEDED, 1)
    assert stripe.look_up(order, intent).refunded == 6_000


def test_a_refund_is_made_once_when_stripe_has_forgotten_the_key(stripe, server):
    order, intent = paid(stripe, server)
    wanted = make_refund(order, intent, 6_000)
    first = stripe.refund(wanted)
    server.stripe.keys.given.clear()

    assert stripe.refund(wanted) == first
    assert len(server.stripe.refunds) == 1


def test_a_refund_to_a_closed_card_fails_and_says_why(stripe, server):
    order, intent = paid(stripe, server)
    server.stripe.close_card(order.reference)
    wanted = make_refund(order, intent, 6_000)

    made = stripe.refund(wanted)

    assert (made.status, made.failure) == (ProviderStatus.FAILED, "expired_or_canceled_card")
    assert stripe.look_up_refund(wanted, made.provider_reference) == made
    assert sum(line["amount"] for line in server.book()) == 66_000


def test_a_refund_that_takes_its_time_is_open_and_then_made_or_failed(stripe, server):
    order, intent = paid(stripe, server)
    server.stripe.is_refund_slow = True
    good, bad = make_refund(order, intent, 1_000), make_refund(order, intent, 2_000)
    assert [stripe.refund(each).status for each in (good, bad)] == [ProviderStatus.OPEN] * 2

    server.stripe.finish_refund(good.reference)
    server.stripe.fail_refund(bad.reference)

    assert stripe.look_up_refund(good, None).status == ProviderStatus.SUCCEEDED
    assert stripe.look_up_refund(bad, None).status == ProviderStatus.FAILED


@pytest.mark.parametrize(
    ("first", "then", "code"), [(66_000, 1, "charge_already_refunded"), (60_000, 6_001, "refund_amount_too_large")]
)
def test_more_than_was_paid_isnt_given_back(stripe, server, first, then, code):
    order, intent = paid(stripe, server)
    stripe.refund(make_refund(order, intent, first))

    refused = stripe.refund(make_refund(order, intent, then))

    assert (refused.status, refused.failure, len(server.stripe.refunds)) == (ProviderStatus.FAILED, code, 1)


# --- Webhooks ----------------------------------------------------------------------------------


def test_a_webhook_says_what_it_is_about(stripe, server):
    order, _ = paid(stripe, server)

    said = stripe.parse_webhook(*server.stripe.webhook())

    assert (said.kind, said.reference) == ("payment_intent.succeeded", order.reference)
    assert said.event_id == server.stripe.events[-1]["id"]


def test_a_webhook_of_a_refund_is_about_the_refund(stripe, server):
    order, intent = paid(stripe, server)
    wanted = make_refund(order, intent, 1_000)
    stripe.refund(wanted)

    assert stripe.parse_webhook(*server.stripe.webhook()).reference == wanted.reference


@pytest.mark.parametrize("forgery", [{"secret": "whsec_guessed"}, {"age": 301}])
def test_a_webhook_that_is_forged_or_old_is_refused(stripe, server, forgery):
    paid(stripe, server)

    with pytest.raises(ProviderRefused, match="bad_signature"):
        stripe.parse_webhook(*server.stripe.webhook(**forgery))


def test_a_webhook_from_a_clock_that_is_slow_within_bounds_is_taken(stripe, server):
    server.clock_off = -290
    paid(stripe, server)

    assert stripe.parse_webhook(*server.stripe.webhook()).kind == "payment_intent.succeeded"


def test_a_house_without_a_secret_takes_no_webhooks(stripe, server, settings):
    paid(stripe, server)
    settings.STRIPE_WEBHOOK_SECRET = settings.STRIPE_SECRET_KEY = ""

    with pytest.raises(ProviderRefused, match="not_configured"):
        Stripe().parse_webhook(*server.stripe.webhook(secret=""))


@pytest.mark.parametrize("header", [None, "t=1", "t=x,v1=y"])
def test_a_webhook_without_a_signature_is_refused(stripe, server, header):
    paid(stripe, server)
    _, body = server.stripe.webhook()

    with pytest.raises(ProviderRefused):
        stripe.parse_webhook({} if header is None else {"stripe-signature": header}, body)


def test_a_webhook_with_another_body_than_was_signed_is_refused(stripe, server):
    paid(stripe, server)
    headers, body = server.stripe.webhook()

    with pytest.raises(ProviderRefused, match="bad_signature"):
        stripe.parse_webhook(headers, body.replace(b"66000", b"99000"))


@pytest.mark.parametrize("said", [{"id": "evt_1", "object": "event", "type": "x"}, [], "x", {"object": "event"}])
def test_a_signed_webhook_that_says_nothing_is_refused(stripe, server, said):
    paid(stripe, server)
    headers, body = server.stripe.webhook(said)

    assert json.loads(body) == said
    with pytest.raises(ProviderRefused, match="unreadable"):
        stripe.parse_webhook(headers, body)


# --- The book ----------------------------------------------------------------------------------


def test_the_book_of_a_day_is_the_servers(stripe, server, monkeypatch):
    monkeypatch.setattr(stripe_module, "PAGE", 2)
    orders = [paid(stripe, server, amount) for amount in (1_000, 2_000, 3_000)]
    stripe.refund(make_refund(*orders[0], 400))
    server.stripe.close_card(orders[1][0].reference)
    stripe.refund(make_refund(*orders[1], 500))
    today = timezone.localdate()

    book = stripe.book_of(today)

    shown = sorted((line.reference, line.amount, line.currency) for line in book)
    assert shown == sorted((line["reference"], line["amount"], line["currency"]) for line in server.book())
    assert sum(line.amount for line in book) == 5_600
    assert stripe.book_of(today - timedelta(days=1)) == []


def test_what_a_bank_takes_back_and_gives_back_is_in_the_book(stripe, server):
    (lost, lost_intent), (won, won_intent) = paid(stripe, server, 1_000), paid(stripe, server, 2_000)
    server.stripe.dispute(lost.reference)
    server.stripe.dispute(won.reference, is_won=True)
    server.stripe.enter("adjustment", server.stripe.charges[server.stripe.of(won.reference)["latest_charge"]], -7)

    book = stripe.book_of(timezone.localdate())

    chargebacks = [(line.provider_reference, line.amount) for line in book if not line.reference]
    assert chargebacks == [(won_intent, 2_000), (won_intent, -2_000), (lost_intent, -1_000)]
    assert sum(line.amount for line in book) == 2_000


def test_a_book_that_breaks_off_isnt_given_in_part(stripe, server, monkeypatch):
    monkeypatch.setattr(stripe_module, "PAGE", 1)
    for amount in (1_000, 2_000):
        paid(stripe, server, amount)
    lists = 0

    def second(request, fault_of=server.fault_of):
        nonlocal lists
        lists += request.path.endswith("balance_transactions")
        return "before" if lists == 2 else fault_of(request)

    monkeypatch.setattr(server, "fault_of", second)

    with pytest.raises(ProviderAway):
        stripe.book_of(timezone.localdate())


def test_nothing_that_could_be_a_card_or_a_secret_is_logged(stripe, server, caplog, settings):
    caplog.set_level(logging.INFO)
    order, intent = paid(stripe, server)
    server.fail("500", times=2)
    for _ in range(2):
        with pytest.raises(ProviderAway) as away:
            stripe.look_up(order, intent)

    said = caplog.text + str(away.value)
    for secret in (settings.STRIPE_SECRET_KEY, server.stripe.intents[intent]["client_secret"], "4242"):
        assert secret not in said


def test_another_process_tells_the_server_what_to_do(stripe, server):
    order = make_order()
    stripe.start(order)

    requests.post(f"{server.url}/_test/stripe.pay", json={"reference": order.reference}, timeout=60)
    book = requests.post(f"{server.url}/_test/book", json={}, timeout=60).json()

    assert book == [{"provider": "stripe", "reference": order.reference, "amount": 66_000, "currency": "KRW"}]
