"""Bookings that are paid, at the moment of reservations.tests.scenes."""

from datetime import datetime

from concert_site.accounts.models import User
from payments.domain import checkout
from payments.domain.checkout import Receipt
from payments.models import Payment
from reservations.tests.scenes import NOW, Sale, hold, in_order, make_sale
from wallet.models import BalanceHistory
from wallet.tests.factories import make_fan

__all__ = ["buy", "ledger_of", "make_fan", "make_paid", "pay", "payments_in"]


def pay(fan: User, *reservations: int, now: datetime | None = NOW) -> Receipt:
    """Pay these reservations."""
    return checkout.pay(user_id=fan.pk, reservation_ids=list(reservations), now=now)


def buy(fan: User, sale: Sale, *nth: int, now: datetime = NOW) -> list[Payment]:
    """Hold and pay the nth seats of a sale."""
    return payments_in(pay(fan, *in_order(hold(fan, sale, *nth, now=now)), now=now))


def payments_in(receipt: Receipt) -> list[Payment]:
    """The payments of a receipt, in its order."""
    found = Payment.objects.in_bulk([row["id"] for row in receipt.rows])
    return [found[row["id"]] for row in receipt.rows]


def make_paid(*, price: int = 50_000, balance: int | None = None, now: datetime = NOW) -> Payment:
    """One paid seat of a fan who had just the money for it."""
    fan = make_fan(balance=price if balance is None else balance)
    (payment,) = buy(fan, make_sale(price=price, seats=1), 0, now=now)
    return payment


def ledger_of(fan_id: int, *kinds: str) -> list[tuple[object, ...]]:
    """The fan's entries of these kinds, oldest first: kind, amount, amount_after, payment."""
    entries = BalanceHistory.objects.of(user_id=fan_id).filter(kind__in=kinds).order_by("id")
    return list(entries.values_list("kind", "amount", "amount_after", "payment_id"))
