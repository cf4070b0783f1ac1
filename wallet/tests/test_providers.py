"""Top-ups by a provider that takes money and is away, refuses, or takes something else: told, and never lost."""

from functools import partial

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.accounts.tests.factories import api_of
from concert_site.tests.committed import committed
from wallet import tasks
from wallet.domain import ledger, top_ups
from wallet.models import BalanceHistory, LedgerKind, TopUp
from wallet.providers.base import Outcome, ProviderAway, ProviderRefused, ProviderStatus
from wallet.tests.card_provider import Card
from wallet.tests.factories import balance_of, entries_of, make_fan

CHARGES = "/api/v1/wallet/charges/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("card")]


def top_up(fan, amount=5_000, key="a"):
    return api_of(fan).post(CHARGES, {"amount": amount}, format="json", headers={"Idempotency-Key": key})


def lost(fan):
    """The answer to a top-up that is taken, and waits in vain for the balance to book it."""
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=1)
        answer = start_behind(partial(top_up, fan)).result(timeout=60)
        transaction.set_rollback(True)
    return answer


@committed
def test_what_was_taken_and_not_booked_is_on_record_and_looked_after(card):
    fan = make_fan(balance=100)

    answer = lost(fan)

    kept = TopUp.objects.get(user=fan, provider=Card.name)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    assert card.collected == {kept.reference: 5_000}
    assert (kept.amount, kept.is_open, kept.next_look_at is not None) == (5_000, True, True)
    assert entries_of(fan) == [("CHARGE", 100, 100)]


@committed
def test_the_same_key_again_books_it_and_takes_nothing_more(card):
    fan = make_fan(balance=100)
    lost(fan)

    again, third = top_up(fan), top_up(fan)

    assert [(each.status_code, each.json()["state"]) for each in (again, third)] == [(200, "SUCCEEDED")] * 2
    assert list(card.collected.values()) == [5_000]
    assert balance_of(fan) == 5_100
    assert BalanceHistory.objects.filter(kind="CHARGE", amount=5_000).count() == 1


def test_each_top_up_has_a_reference_of_its_own(card):
    one, other = make_fan(), make_fan()
    for fan, key in ((one, "a"), (one, "b"), (other, "a"), (one, "a")):
        top_up(fan, key=key)

    assert list(card.started.values()) == [1, 1, 1]
    assert all(len(reference) == 32 for reference in card.started)


def test_a_wallet_that_is_full_is_refused_before_money_is_taken(card):
    fan = make_fan(balance=ledger.LARGEST_BALANCE - 10)

    refused = top_up(fan, amount=11)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "balance_too_large")
    assert not card.started


def test_while_the_provider_is_away_it_is_pending_and_the_same_request_asks_again(card):
    fan = make_fan()
    card.fails_with = ProviderAway("timeout")
    begun = top_up(fan)
    assert (begun.status_code, begun.json()["state"]) == (201, "PENDING")

    card.fails_with = None

    assert top_up(fan).json()["state"] == "SUCCEEDED"
    assert entries_of(fan) == [("CHARGE", 5_000, 5_000)]


def test_what_the_provider_refuses_has_failed_by_name(card):
    fan = make_fan()
    card.fails_with = ProviderRefused("amount_too_small")

    shown = top_up(fan).json()

    assert (shown["state"], shown["failure"], balance_of(fan)) == ("FAILED", "amount_too_small", 0)


@pytest.mark.parametrize(
    "outcome",
    [
        {"amount": 4_999, "currency": "KRW"},
        {"amount": 5_000, "currency": "USD"},
        {"amount": 5_000, "currency": "KRW", "refunded": 1},
    ],
)
def test_what_differs_from_the_order_is_credited_to_nobody_and_left_to_staff(card, outcome):
    fan = make_fan()
    card.fails_with = ProviderAway("timeout")
    top_up(fan)
    begun = TopUp.objects.get(user=fan)

    top_ups.settle(begun, Outcome(status=ProviderStatus.SUCCEEDED, **outcome))

    assert (begun.is_open, begun.failure, begun.next_look_at, balance_of(fan)) == (True, "amount_differs", None, 0)


def test_money_that_comes_after_a_failure_is_credited(card):
    fan = make_fan()
    card.fails_with = ProviderAway("timeout")
    top_up(fan)
    begun = TopUp.objects.get(user=fan)
    top_ups.settle(begun, Outcome(status=ProviderStatus.FAILED, failure="card_declined"))
    assert begun.state == "FAILED"

    top_ups.settle(begun, Outcome(status=ProviderStatus.SUCCEEDED, amount=5_000, currency="KRW"))

    assert (begun.state, begun.failure, balance_of(fan)) == ("SUCCEEDED", "", 5_000)


def test_the_trouble_of_one_provider_is_not_the_others(caplog):
    done = []

    def work(provider):
        done.append(provider)
        if provider == "toss":
            raise ValueError(provider)

    tasks.each_provider("wallet.test", lambda: ["toss", "stripe"], work)

    assert done == ["toss", "stripe"]
    assert "wallet.test: the work of toss waits for the next run" in caplog.text
