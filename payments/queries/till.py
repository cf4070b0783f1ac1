"""Reads of the till: one sale, and a day of a clerk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from concert_site.accounts.models import User
from concert_site.lib.zones import bounds_of
from payments.models import Payment, TillEntry, TillKind, TillMethod
from wallet.models import LedgerKind

MOST_ENTRIES = 2000
# What was taken for the booking of a payment at the counter, in minor units; 0 if it was paid elsewhere.
TAKEN_AT_COUNTER = Coalesce(
    Subquery(
        TillEntry.objects.filter(
            booking_reference=OuterRef("reservation__booking_reference"),
            user_id=OuterRef("user_id"),
            kind=TillKind.SALE,
        )
        .order_by()
        .values("booking_reference")
        .annotate(taken=Sum("amount"))
        .values("taken")
    ),
    0,
    output_field=BigIntegerField(),
)


def counter_address_of(reference: str) -> str:
    """Where the tickets of a booking that was made at the counter were to be mailed; empty if nowhere."""
    found = TillEntry.objects.filter(booking_reference=reference, kind=TillKind.SALE).order_by("pk")
    return found.values_list("mail_to", flat=True).first() or ""


def counter_address_of_fan(user_id: int) -> str:
    """The same of whatever was sold to an account at the counter, the latest first."""
    found = TillEntry.objects.filter(user=user_id, kind=TillKind.SALE).exclude(mail_to="").order_by("-pk")
    return found.values_list("mail_to", flat=True).first() or ""


@dataclass(frozen=True, slots=True)
class SaleSummary:
    """A sale of the counter as it is now; amounts in minor units."""

    sale: UUID
    entries: Sequence[TillEntry]
    payments: Sequence[Payment]

    @property
    def first(self) -> TillEntry:
        return self.entries[0]

    @property
    def total(self) -> int:
        return sum(each.amount for each in self.entries if each.kind == TillKind.SALE)

    @property
    def returned(self) -> int:
        return -sum(each.amount for each in self.entries if each.kind == TillKind.REFUND)

    @property
    def change_due(self) -> int:
        """What is to be handed back of the cash that was taken."""
        return max(0, (self.first.tendered or self.total) - self.total)

    @property
    def live(self) -> list[Payment]:
        """What is still paid."""
        return [each for each in self.payments if each.state == "COMPLETED"]

    @property
    def with_tickets(self) -> list[Payment]:
        """What of it opens the door."""
        return [each for each in self.payments if each.has_ticket]


def sale_summary(sale: UUID) -> SaleSummary | None:
    """One sale in two queries; None if there is none."""
    entries = list(TillEntry.objects.filter(sale=sale).select_related("user", "actor").order_by("pk"))
    if not entries:
        return None
    return SaleSummary(sale, entries, sold_by([each for each in entries if each.kind == TillKind.SALE]))


def sold_by(entries: Sequence[TillEntry]) -> list[Payment]:
    """The payments of these sales, and what they were exchanged for, of whom they were sold to.

    Of a booking whose other seats were paid elsewhere only what was paid at the counter: behind the money that came.
    """
    since = {(each.booking_reference, each.user_id): each.entry_id or 0 for each in entries}
    rows = (
        Payment.objects.filter(reservation__booking_reference__in={reference for reference, _user in since})
        .annotate(
            line=Min("balancehistory", filter=Q(balancehistory__kind=LedgerKind.PAYMENT)),
            before=F("rebooked_from__old_payment"),
        )
        .select_related(
            "reservation__concert_seat", "reservation__concert_schedule", "reservation__concert__venue", "user"
        )
        .order_by("reservation_id")
    )
    found = {each.pk: each for each in rows}

    def is_of_it(payment: Payment) -> bool:
        first = payment
        while first.before is not None:  # type: ignore[attr-defined]  # annotated
            first = found[first.before]  # type: ignore[attr-defined]  # annotated
        paid_since = since.get((payment.reservation.booking_reference, payment.user_id))
        return paid_since is not None and first.line > paid_since  # type: ignore[attr-defined]  # annotated

    return [each for each in found.values() if is_of_it(each)]


@dataclass(frozen=True, slots=True)
class TillDay:
    """What one clerk took and gave on a day, in minor units; tickets are counted as they were sold and given back."""

    clerk: User
    cash_in: int
    cash_out: int
    terminal_in: int
    terminal_out: int
    sold: int
    complimentary: int
    returned: int

    @property
    def cash(self) -> int:
        return self.cash_in - self.cash_out

    @property
    def terminal(self) -> int:
        return self.terminal_in - self.terminal_out


def passed_on(day: date, actor_id: int | None) -> QuerySet[TillEntry]:
    """What passed the counter on a day, of all clerks or of one."""
    start, end = bounds_of(day)
    entries = TillEntry.objects.filter(created_at__gte=start, created_at__lt=end)
    return entries if actor_id is None else entries.filter(actor_id=actor_id)


def till_of(day: date, actor_id: int | None = None) -> list[TillDay]:
    """A day's till for each clerk, by name: one query over the entries, one over the clerks."""
    cash, terminal = Q(method=TillMethod.CASH), Q(method=TillMethod.TERMINAL)
    sale, refund, gift = Q(kind=TillKind.SALE), Q(kind=TillKind.REFUND), Q(method=TillMethod.COMPLIMENTARY)
    rows: Any = (  # Any: as annotations are typed
        passed_on(day, actor_id)
        .values("actor_id")
        .annotate(
            cash_in=Sum("amount", filter=cash & sale, default=0),
            cash_out=-Sum("amount", filter=cash & refund, default=0),
            terminal_in=Sum("amount", filter=terminal & sale, default=0),
            terminal_out=-Sum("amount", filter=terminal & refund, default=0),
            sold=Sum("seats", filter=sale & ~gift, default=0),
            complimentary=Sum("seats", filter=sale & gift, default=0),
            returned=Sum("seats", filter=refund, default=0),
        )
    )
    found = {row.pop("actor_id"): row for row in rows}
    clerks = User.objects.filter(pk__in=found).order_by("email")
    return [TillDay(clerk=clerk, **found[clerk.pk]) for clerk in clerks]


def entries_of(day: date, actor_id: int | None = None) -> list[TillEntry]:
    """What passed the counter on a day, oldest first."""
    entries = passed_on(day, actor_id).select_related("user", "actor", "concert_schedule__concert")
    return list(entries.defer("concert_schedule__layout", "concert_schedule__draw_seed").order_by("pk")[:MOST_ENTRIES])
