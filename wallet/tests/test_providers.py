"""Top-ups by a provider that takes money, while booking them fails: from outside."""

import logging
from collections import Counter
from functools import partial

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.accounts.tests.factories import api_of
from wallet.domain import ledger
from wallet.domain.providers import reference_of
from wallet.models import BalanceHistory, Kind
from wallet.tests.factories import balance_of, entries_of, make_fan

CHARGES = "/api/v1/wallet/charges/"

pytestmark = pytest.mark.django_db(transaction=True)

asked: Counter[str] = Counter()
collected: dict[str, int] = {}


def card(*, user_id: int, amount: int, reference: str) -> None:
    """A provider as they are: it collects once for each reference."""
    asked[reference] += 1
    collected.setdefault(reference, amount)


@pytest.fixture(autouse=True)
def _provider(settings):
    asked.clear()
    collected.clear()
    settings.WALLET_PROVIDER = "wallet.tests.test_providers.card"


def top_up(fan, amount=5_000, key="a"):
    return api_of(fan).post(CHARGES, {"amount": amount}, format="json", headers={"Idempotency-Key": key})


def lost(fan):
    """The answer to a top-up that is taken, and waits in vain for the balance to book it."""
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=Kind.CHARGE, amount=1)
        answer = start_behind(partial(top_up, fan)).result(timeout=10)
        transaction.set_rollback(True)
    return answer


def test_what_was_taken_and_not_booked_is_said_with_all_that_is_needed(caplog):
    fan = make_fan(balance=100)

    answer = lost(fan)

    (said,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    reference = reference_of(user_id=fan.pk, idempotency_key="a")
    words = said.getMessage()
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    assert collected == {reference: 5_000}
    assert f"user_id={fan.pk}, amount=5000, reference={reference}, idempotency_key=a" in words
    assert "wallet.tests.test_providers.card" in words
    assert entries_of(fan) == [("CHARGE", 100, 100)]


def test_the_same_key_again_books_it_and_takes_nothing_more():
    fan = make_fan(balance=100)
    lost(fan)

    again, third = top_up(fan), top_up(fan)

    assert (again.status_code, third.status_code) == (201, 200)
    assert (list(asked.values()), list(collected.values())) == ([2], [5_000])
    assert balance_of(fan) == 5_100
    assert BalanceHistory.objects.filter(kind="CHARGE", amount=5_000).count() == 1


def test_each_top_up_has_a_reference_of_its_own():
    one, other = make_fan(), make_fan()
    for fan, key in ((one, "a"), (one, "b"), (other, "a"), (one, "a")):
        top_up(fan, key=key)

    assert list(asked.values()) == [1, 1, 1]
    assert all(len(reference) == 32 for reference in asked)


def test_a_wallet_that_is_full_is_refused_before_money_is_taken():
    fan = make_fan(balance=ledger.LARGEST_BALANCE - 10)

    refused = top_up(fan, amount=11)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "balance_too_large")
    assert not asked


def test_a_top_up_that_is_booked_is_no_news(caplog):
    top_up(make_fan())

    assert [record for record in caplog.records if record.levelno == logging.CRITICAL] == []
