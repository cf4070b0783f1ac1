"""Wallets for tests, with dull defaults."""

from itertools import count

from concert_site.accounts.models import User
from concert_site.accounts.tests import factories
from wallet.domain import ledger
from wallet.models import BalanceHistory, Kind
from wallet.queries import wallet_of

keys = count(1)


def make_fan(*, balance: int = 0, **fields: object) -> User:
    """A fan with this much money; without any there is no balance either."""
    fan = factories.make_fan(**fields)
    if balance:
        ledger.book(user_id=fan.pk, kind=Kind.CHARGE, amount=balance)
    return fan


def make_charge(fan: User, *, amount: int = 1_000, key: str | None = None) -> ledger.BookedEntry:
    """A top-up with a key of its own."""
    return ledger.charge(user_id=fan.pk, amount=amount, idempotency_key=key or f"key-{next(keys)}")


def balance_of(fan: User) -> int:
    """What a fan has."""
    return wallet_of(fan.pk).amount


def entries_of(fan: User) -> list[tuple[str, int, int]]:
    """The ledger of a fan, oldest first: kind, amount, amount_after."""
    entries = BalanceHistory.objects.of(user_id=fan.pk).order_by("id")
    return list(entries.values_list("kind", "amount", "amount_after"))
