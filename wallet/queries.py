"""What a fan has, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from concert_site.lib.database.statements import fetch
from concert_site.lib.errors import NotFound
from wallet.models import (
    BalanceHistory,
    BalanceHistoryQuerySet,
    ProviderEvent,
    Purpose,
    TopUp,
    TopUpQuerySet,
    Withdrawal,
)
from wallet.models.top_ups import CREDITED


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
    found = known_top_up(reference)
    if found.user_id != user_id:
        raise NotFound
    return found


def known_top_up(reference: str) -> TopUp:
    """Whoever's top-up it is: for who has its reference, which is as long as a secret.

    :raises NotFound: if there is none
    """
    found = TopUp.objects.filter(reference=reference).select_related("entry").first()
    if found is None:
        raise NotFound
    return found


def top_up_at_provider(provider: str, reference: str) -> TopUp | None:
    """The top-up that a provider means by a reference, be it ours or its own."""
    there = TopUp.objects.filter(provider=provider)
    return there.filter(reference=reference).first() or there.filter(provider_reference=reference).first()


def providers_with_due_top_ups(now: datetime | None = None) -> list[str]:
    """Whose top-ups are to be asked about."""
    return names_of(TopUp.objects.filter(next_look_at__lte=now or timezone.now()))


def providers_with_due_events(now: datetime | None = None) -> list[str]:
    """Whose messages are to be worked on."""
    return names_of(ProviderEvent.objects.filter(next_attempt_at__lte=now or timezone.now()))


def names_of(due: QuerySet[TopUp] | QuerySet[ProviderEvent]) -> list[str]:
    """The providers of these rows, by name; the index of what is due has them."""
    return list(due.order_by("provider").values_list("provider", flat=True).distinct())


def open_top_ups(*, user_id: int) -> TopUpQuerySet:
    """The top-ups of a fan that are under way, newest first."""
    return TopUp.objects.of(user_id=user_id).open().order_by("-pk")


def open_top_ups_for(reservation_ids: Sequence[int], *, user_id: int) -> TopUpQuerySet:
    """Those that are to pay any of these reservations."""
    return open_top_ups(user_id=user_id).filter(purpose=Purpose.BOOKING, reservations__overlap=list(reservation_ids))


def kept_top_ups_for(reservation_ids: Sequence[int], *, user_id: int) -> TopUpQuerySet:
    """Those that were to pay any of these, and came too late or to too little: their money is in the wallet."""
    own = TopUp.objects.of(user_id=user_id).filter(outcome=TopUp.KEPT)
    return own.filter(reservations__overlap=list(reservation_ids)).order_by("pk")


def own_withdrawals(*, user_id: int) -> QuerySet[Withdrawal]:
    """A fan's withdrawals, newest first, each with the top-up that it goes back by."""
    return Withdrawal.objects.of(user_id=user_id).select_related("top_up").order_by("-pk")


def own_withdrawal(pk: int, *, user_id: int) -> Withdrawal:
    """One of them.

    :raises NotFound: if there is none, or it is somebody else's
    """
    found = own_withdrawals(user_id=user_id).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def withdrawals_of_payment(payment_id: int) -> list[Withdrawal]:
    """What of the refund of a payment went on to the card."""
    return list(Withdrawal.objects.filter(payment_id=payment_id).select_related("top_up").order_by("pk"))


def top_ups_owed_a_receipt() -> TopUpQuerySet:
    """Those whose fan wasn't told yet that the money is there: through the partial index, which holds nothing else."""
    return TopUp.objects.filter(state__in=CREDITED, receipt_mail_at__isnull=True)
