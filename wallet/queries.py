"""What a fan has, and what came of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from concert_site.lib.database.statements import fetch
from concert_site.lib.errors import NotFound, require_found
from wallet.models import (
    BalanceHistory,
    BalanceHistoryQuerySet,
    ProviderEvent,
    Purpose,
    TopUp,
    TopUpQuerySet,
    Withdrawal,
    WithdrawalState,
)
from wallet.models.top_ups import BY_STAFF, CREDITED, FOR_STAFF

# Top-ups of the past and of rehearsals have brought no money by anybody.
NO_PROVIDERS = ("before", "rehearsal")

Row = TypeVar("Row", bound=Model)


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
    return require_found(TopUp.objects.of(user_id=user_id).select_related("entry").filter(pk=pk).first())


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
    return require_found(TopUp.objects.filter(reference=reference).select_related("entry").first())


def top_up_at_provider(provider: str, reference: str) -> TopUp | None:
    """The top-up that a provider means by a reference, be it ours or its own."""
    return by_reference(TopUp.objects.filter(provider=provider), reference)


def withdrawal_at_provider(provider: str, reference: str) -> Withdrawal | None:
    """The withdrawal that a provider means by a reference, be it ours or its own."""
    return by_reference(Withdrawal.objects.filter(top_up__provider=provider).select_related("top_up"), reference)


def by_reference(there: QuerySet[Row], reference: str) -> Row | None:
    """The row of a reference, each looked for by its own index."""
    return there.filter(reference=reference).first() or there.filter(provider_reference=reference).first()


def providers_with_due_top_ups() -> list[str]:
    """Whose top-ups are to be asked about."""
    return providers_of(TopUp.objects.filter(next_look_at__lte=Now()))


def providers_with_due_withdrawals() -> list[str]:
    """Who is to be asked about withdrawals."""
    return providers_of(Withdrawal.objects.filter(next_look_at__lte=Now()), "top_up__provider")


def providers_with_due_events() -> list[str]:
    """Whose messages are to be worked on."""
    return providers_of(ProviderEvent.objects.filter(next_attempt_at__lte=Now()))


def providers_of(rows: QuerySet[Row], field: str = "provider") -> list[str]:
    """The providers of these rows, by name."""
    return list(rows.order_by(field).values_list(field, flat=True).distinct())


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
    return require_found(own_withdrawals(user_id=user_id).filter(pk=pk).first())


def sent_on_to_cards(payment_ids: Iterable[int]) -> int:
    """What of the refunds of these payments went on to cards, or is on its way there, in minor units."""
    sent = Withdrawal.objects.filter(payment_id__in=list(payment_ids)).exclude(state=WithdrawalState.FAILED)
    return int(sent.aggregate(sum=Sum("amount"))["sum"] or 0)


def withdrawals_of_payment(payment_id: int) -> list[Withdrawal]:
    """What of the refund of a payment went on to the card."""
    return list(Withdrawal.objects.filter(payment_id=payment_id).select_related("top_up").order_by("pk"))


def top_ups_owed_a_receipt() -> TopUpQuerySet:
    """Those whose fan wasn't told yet that the money is there: through the partial index, which holds nothing else."""
    return TopUp.objects.filter(state__in=CREDITED, receipt_mail_at__isnull=True)


# --- Settlement --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLine:
    """A movement in our ledger: a top-up that was credited (positive), or a withdrawal that was paid out (negative).

    `provider_reference` is "" where the provider has named none; `payment_names` are the references of the payment that
    a withdrawal gives back of.
    """

    about: str
    reference: str
    provider_reference: str
    payment_names: tuple[str, ...] = ()
    amount: int
    currency: str
    booked_at: datetime


def own_lines_of(provider: str, start: datetime, end: datetime) -> list[OwnLine]:
    """What was credited and paid out between two moments."""
    credited = TopUp.objects.filter(entry__created_at__gte=start, entry__created_at__lt=end)
    paid_out = Withdrawal.objects.filter(updated_state_at__gte=start, updated_state_at__lt=end)
    return own_lines(provider, credited, paid_out)


def own_lines_named(provider: str, names: Collection[str]) -> list[OwnLine]:
    """What was credited and paid out, whenever, that has one of these references."""
    withdrawals = Withdrawal.objects.filter(named_by(names) | named_by(names, "top_up__"))
    return own_lines(provider, TopUp.objects.filter(named_by(names)), withdrawals)


def own_lines(provider: str, top_ups: QuerySet[TopUp], withdrawals: QuerySet[Withdrawal]) -> list[OwnLine]:
    """Those of these that stand in the ledger and have been carried out."""
    credited = top_ups.filter(provider=provider, entry__isnull=False).select_related("entry").order_by("pk")
    paid_out = withdrawals.filter(top_up__provider=provider, state=WithdrawalState.SUCCEEDED)
    lines = [
        OwnLine(
            about=f"top-up {each.pk}",
            reference=each.reference,
            provider_reference=each.provider_reference or "",
            amount=each.amount,
            currency=each.currency,
            booked_at=each.entry.created_at,
        )
        for each in credited
        if each.entry
    ]
    return lines + [
        OwnLine(
            about=f"withdrawal {each.pk}",
            reference=each.reference,
            provider_reference=each.provider_reference or "",
            payment_names=(each.top_up.reference, each.top_up.provider_reference or ""),
            amount=-each.amount,
            currency=each.top_up.currency,
            booked_at=each.updated_state_at,
        )
        for each in paid_out.select_related("top_up").order_by("pk")
    ]


def open_at_provider(provider: str, names: Collection[str]) -> QuerySet[TopUp]:
    """Top-ups with one of these references that were not credited, and that nothing but asking is left of."""
    uncredited = TopUp.objects.filter(named_by(names), provider=provider, entry=None)
    return uncredited.exclude(failure__in=FOR_STAFF | BY_STAFF)


def withdrawals_under_way(provider: str, names: Collection[str]) -> QuerySet[Withdrawal]:
    """Withdrawals with one of these references, or of a payment with one, of which nobody knows yet how they end."""
    named = named_by(names) | named_by(names, "top_up__")
    return Withdrawal.objects.open().filter(named, top_up__provider=provider).select_related("top_up")


def named_by(names: Collection[str], of: str = "") -> Q:
    """What has one of these references, ours or the provider's; with `of`, what is of something that has one."""
    return Q(**{f"{of}reference__in": names}) | Q(**{f"{of}provider_reference__in": names})


def providers_since(start: datetime) -> list[str]:
    """Who has brought money since then, or was to."""
    return providers_of(TopUp.objects.filter(updated_state_at__gte=start).exclude(provider__in=NO_PROVIDERS))


def first_day_of(provider: str) -> date | None:
    """The venue's day of a provider's first top-up."""
    first = TopUp.objects.filter(provider=provider).order_by("pk").values_list("created_at", flat=True).first()
    return first and timezone.localdate(first)


def has_top_ups(provider: str, before: datetime) -> bool:
    """Whether a provider has been asked for anything before a moment."""
    return TopUp.objects.filter(provider=provider, provider_reference__isnull=False, created_at__lt=before).exists()
