"""Wallets for tests, with dull defaults."""

from datetime import datetime
from itertools import count

from concert_site.accounts.models import User
from concert_site.accounts.tests import factories
from wallet.domain import ledger, top_ups
from wallet.models import BalanceHistory, TopUp
from wallet.queries import wallet_of

keys = count(1)


def make_fan(*, balance: int = 0, **fields: object) -> User:
    """A fan with this much money; without any there is no balance either."""
    fan = factories.make_fan(**fields)
    if balance:
        ledger.open_wallets(user_ids=[fan.pk], amount=balance, note="")
    return fan


def start_top_up(fan: User | None = None, amount: int = 5_000, *, now: datetime | None = None) -> TopUp:
    """A top-up that the provider in force was asked for, and that isn't paid yet."""
    order = top_ups.TopUpRequest(user_id=(fan or make_fan()).pk, amount=amount, now=now)
    return top_ups.start(order).top_up


def make_charge(fan: User, *, amount: int = 1_000, key: str | None = None) -> ledger.BookedEntry:
    """A top-up with a key of its own, and its line of the ledger."""
    charge = top_ups.charge(user_id=fan.pk, amount=amount, idempotency_key=key or f"key-{next(keys)}")
    assert charge.top_up.entry is not None
    return ledger.BookedEntry(charge.top_up.entry, is_new=charge.is_new)


def fan_with(*amounts: int, gift: int = 0, **fields: object) -> User:
    """A fan who has topped up so, and was given something before."""
    fan = make_fan(balance=gift, **fields)
    for amount in amounts:
        make_charge(fan, amount=amount)
    return fan


def balance_of(fan: User) -> int:
    """What a fan has."""
    return wallet_of(fan.pk).amount


def entries_of(fan: User) -> list[tuple[str, int, int]]:
    """The ledger of a fan, oldest first: kind, amount, amount_after."""
    entries = BalanceHistory.objects.of(user_id=fan.pk).order_by("id")
    return list(entries.values_list("kind", "amount", "amount_after"))
