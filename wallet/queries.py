"""What a fan has, and what came of it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from concert_site.lib.database.statements import fetch
from concert_site.lib.errors import NotFound
from wallet.models import BalanceHistory, BalanceHistoryQuerySet, TopUp


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a fan has, in the currency's minor unit; `last_updated_at` is None if nothing was ever booked."""

    amount: int
    currency: str
    last_updated_at: datetime | None


def wallet_of(user_id: int) -> Wallet:
    """The wallet of a fan; without a row it is empty."""
    rows = fetch("select amount, last_updated_at from balance where user_id = %(user)s::bigint", {"user": user_id})
    found = rows[0] if rows else {"amount": 0, "last_updated_at": None}
    return Wallet(**found, currency=settings.CURRENCY)


def history_of(user_id: int) -> BalanceHistoryQuerySet:
    """The ledger of a fan, newest first."""
    return BalanceHistory.objects.of(user_id=user_id).order_by("-id")


def own_top_up(pk: int, *, user_id: int) -> TopUp:
    """A fan's own top-up, with its line of the ledger.

    :raises NotFound: if there is none, or it is somebody else's
    """
    found = TopUp.objects.of(user_id=user_id).select_related("entry").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def top_up_of(reference: str, *, user_id: int) -> TopUp:
    """The same by its reference."""
    found = TopUp.objects.of(user_id=user_id).filter(reference=reference).first()
    if found is None:
        raise NotFound
    return found
