"""From the fan's click to the ledger and back to the card, by both providers over HTTP; books and ledger agree."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from wallet.domain import provider_events, top_ups, withdrawals
from wallet.models import BalanceHistory, TopUp
from wallet.providers import provider_named
from wallet.tests.factories import balance_of, make_fan

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = pytest.mark.parametrize("provider", ["stripe", "toss"])


@pytest.fixture(autouse=True)
def fresh():
    provider_named.cache_clear()
    yield
    provider_named.cache_clear()


@pytest.fixture
def fan():
    return make_fan()


@pytest.fixture
def begin(server, settings, fan):
    """Begin to top up by a provider."""

    def begin(provider, amount=66_000):
        settings.WALLET_PROVIDER = provider
        return top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=amount)).top_up

    return begin


@pytest.fixture
def pay(server, fan):
    """Pay as the fan does: in Stripe's fields, or through Toss Payments' widget and back to our page."""

    def pay(top_up):
        if top_up.provider == "stripe":
            server.stripe.pay(top_up.reference)
            returned = {"payment_intent": top_up.provider_reference, "redirect_status": "succeeded"}
        else:
            returned = server.toss.begin(top_up.reference, top_up.amount)
        browser = Client()
        browser.force_login(fan)
        return browser.get(f"/wallet/top-ups/{top_up.reference}/", returned)

    return pay


def tell(api, event=None, **forgery):
    """Send a webhook to the site; its status."""
    headers, body = api.webhook(event, **forgery)
    kind = headers.pop("content-type")
    return Client().post(f"/webhooks/{api.name}/", body, content_type=kind, headers=headers).status_code


def ledger():
    """What came in from outside, and went back."""
    return sorted(BalanceHistory.objects.values_list("kind", "amount"))


@BOTH
def test_a_fan_who_pays_and_comes_back_has_the_money_once(server, begin, pay, fan, provider):
    top_up = begin(provider)

    for _ in range(2):
        assert pay(top_up).status_code == 302

    top_up.refresh_from_db()
    assert (top_up.state, balance_of(fan), ledger()) == ("SUCCEEDED", 66_000, [("CHARGE", 66_000)])
    assert top_up.method == {"stripe": "Visa 4242", "toss": "Card 123*"}[provider]
    assert [line["amount"] for line in server.book()] == [66_000]


@BOTH
def test_webhooks_twice_and_in_any_order_credit_once(server, begin, fan, provider):
    top_up = begin(provider)
    if provider == "stripe":
        server.stripe.decline(top_up.reference)
        server.stripe.pay(top_up.reference)
    else:
        # The answer to our confirmation is lost, and the fan sees nothing of it.
        server.fail("hangup", "confirm", times=2)
        with pytest.raises(top_ups.ProviderAway):
            top_ups.confirm(top_up, server.toss.begin(top_up.reference, 66_000))
    api = getattr(server, provider)

    told = [tell(api, event) for event in [*reversed(api.events), *api.events]]
    while provider_events.handle_due(provider):
        pass

    assert set(told) == {200}
    assert (balance_of(fan), ledger()) == (66_000, [("CHARGE", 66_000)])


def test_forged_and_replayed_webhooks_change_nothing(server, begin, fan):
    top_up = begin("stripe")
    server.stripe.process(top_up.reference)
    paid = json.loads(json.dumps(server.stripe.events[-1]))
    paid["type"], paid["data"]["object"]["status"] = "payment_intent.succeeded", "succeeded"

    assert tell(server.stripe, paid, secret="whsec_guessed") == 400
    assert tell(server.stripe, paid, age=301) == 400
    # Even one that is signed is only a hint: nothing was paid.
    assert tell(server.stripe, paid) == 200
    provider_events.handle_due("stripe")

    assert (balance_of(fan), TopUp.objects.get().state) == (0, "PENDING")


def test_a_made_up_webhook_of_toss_payments_is_only_a_reason_to_ask(server, begin, fan):
    top_up = begin("toss")
    server.toss.begin(top_up.reference, 66_000)
    server.toss.tell(next(iter(server.toss.payments.values())) | {"status": "DONE", "totalAmount": 66_000})

    assert tell(server.toss) == 200
    provider_events.handle_due("toss")

    assert (balance_of(fan), server.book()) == (0, [])


# What else leaves open whether it was done is in test_stripe and test_toss.
@BOTH
def test_money_whose_report_is_lost_comes_when_it_is_asked_about(server, begin, pay, fan, provider):
    top_up = begin(provider)
    server.fail("hangup", "confirm" if provider == "toss" else "GET /v1/payment_intents", times=2)
    assert pay(top_up).status_code == 200
    assert balance_of(fan) == 0
    server.faults.clear()

    for _ in range(2):
        top_ups.settle(top_up, top_ups.look_up(top_up))

    assert (balance_of(fan), ledger(), len(server.book())) == (66_000, [("CHARGE", 66_000)], 1)


@BOTH
def test_what_was_given_back_at_the_provider_meanwhile_is_credited_to_nobody(server, begin, fan, provider):
    top_up = begin(provider)
    by = provider_named(provider)
    if provider == "stripe":
        server.stripe.pay(top_up.reference)
        charge = next(iter(server.stripe.charges.values()))
        charge["amount_refunded"] = 66_000
    else:
        by.confirm(top_ups.order_of(top_up), None, server.toss.begin(top_up.reference, 66_000))
        next(iter(server.toss.payments.values())).update(status="CANCELED", balanceAmount=0)

    top_ups.settle(top_up, top_ups.look_up(top_up))

    assert (top_up.failure, balance_of(fan), ledger()) == ("amount_differs", 0, [])


@BOTH
def test_a_withdrawal_to_a_closed_card_is_back_in_the_wallet(server, begin, pay, fan, provider):
    top_up = begin(provider)
    pay(top_up)
    getattr(server, provider).close_card(top_up.reference)

    made = withdrawals.withdraw(user_id=fan.pk, amount=6_000, idempotency_key="a")

    (withdrawal,) = made.withdrawals
    withdrawal.refresh_from_db()
    assert (withdrawal.state, balance_of(fan)) == ("FAILED", 66_000)
    assert sum(line["amount"] for line in server.book()) == 66_000


@BOTH
def test_a_slow_refund_is_paid_out_once_it_is_made(server, begin, pay, fan, provider):
    pay(begin(provider))
    api = getattr(server, provider)
    api.is_refund_slow = True
    (withdrawal,) = withdrawals.withdraw(user_id=fan.pk, amount=6_000, idempotency_key="a").withdrawals
    withdrawal.refresh_from_db()
    assert (withdrawal.state, balance_of(fan)) == ("PENDING", 60_000)

    api.finish_refund(withdrawal.reference)
    withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))

    assert (withdrawal.state, balance_of(fan)) == ("SUCCEEDED", 60_000)
    assert sum(line["amount"] for line in server.book()) == 60_000


def test_a_refund_that_the_bank_sends_back_later_is_back_in_the_wallet(server, begin, pay, fan):
    pay(begin("stripe"))
    (withdrawal,) = withdrawals.withdraw(user_id=fan.pk, amount=6_000, idempotency_key="a").withdrawals
    withdrawal.refresh_from_db()
    assert (withdrawal.state, balance_of(fan)) == ("SUCCEEDED", 60_000)

    server.stripe.fail_refund(withdrawal.reference)
    withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))

    assert (withdrawal.state, balance_of(fan)) == ("FAILED", 66_000)
    assert sum(line["amount"] for line in server.book()) == 66_000


@BOTH
def test_a_withdrawal_whose_answer_was_lost_is_paid_out_once(server, begin, pay, fan, provider):
    pay(begin(provider))
    server.fail("silence", "/cancel" if provider == "toss" else "POST /v1/refunds", times=2)
    (withdrawal,) = withdrawals.withdraw(user_id=fan.pk, amount=6_000, idempotency_key="a").withdrawals
    withdrawal.refresh_from_db()
    assert withdrawal.state == "PENDING"
    server.faults.clear()

    for _ in range(2):
        withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal))

    assert (withdrawal.state, balance_of(fan)) == ("SUCCEEDED", 60_000)
    assert [line["amount"] for line in server.book()] == [66_000, -6_000]


@BOTH
def test_the_providers_book_of_the_day_is_the_ledger(server, begin, pay, fan, provider):
    for amount in (10_000, 20_000, 30_000):
        pay(begin(provider, amount))
    withdrawals.withdraw(user_id=fan.pk, amount=25_000, idempotency_key="a")

    book = provider_named(provider).book_of(timezone.localdate())

    assert sum(line.amount for line in book) == balance_of(fan) == 35_000
    assert sum(line.amount for line in book if line.amount > 0) == 60_000
