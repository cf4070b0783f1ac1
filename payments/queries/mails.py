"""The mails that are owed, and what each is about: found through partial indexes, which hold nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from concert_site.lib.database.predicates import moment
from payments.models import Payment, PaymentQuerySet, PaymentState
from payments.queries.till import TAKEN_AT_COUNTER
from reservations.models import AnnouncementRecipient, NoteKind, Reservation, StaffNote
from reservations.models.reservation import ReservationStatus
from wallet.models import TopUp, Withdrawal
from wallet.models.withdrawals import ENDED
from wallet.queries import top_ups_owed_a_receipt

T = TypeVar("T")

# Rows of the index of owed mails that are read at once.
BATCH = 500


@dataclass(frozen=True, slots=True)
class MailKind:
    """What a mail is written for: payments of a state; the columns say when it was sent, and since when it is owed."""

    name: str
    state: PaymentState
    mailed: str
    since: str


CONFIRMED = MailKind("confirmed", PaymentState.COMPLETED, mailed="confirmed_mail_at", since="created_at")
CANCELED = MailKind("canceled", PaymentState.CANCELED, mailed="canceled_mail_at", since="updated_state_at")


def in_turn(owed: Callable[..., T], rows: QuerySet[Any], *columns: str) -> Iterator[T]:  # Any: of several models
    """The mails that these rows are owed, the oldest first; rows that are alike in these columns share one."""
    named, seen, last = rows.order_by("pk").values_list("pk", *columns), set(), 0
    while batch := list(named.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        for pk, *words in batch:
            mail = owed(*(words or [pk]))
            if mail not in seen:
                seen.add(mail)
                yield mail


# --- Of a booking ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwedMail:
    """One mail that is owed: all of a fan's payments of one booking that are in the state of its kind."""

    kind: MailKind
    user_id: int
    reference: str

    def __str__(self) -> str:
        return f"{self.kind.name}:{self.user_id}:{self.reference}"


# Refunded because the date was canceled: told in one mail of the date, not in one a booking.
OF_CANCELED_DATE = Q(
    reservation__concert_schedule__canceled_at__isnull=False,
    updated_state_at__gte=F("reservation__concert_schedule__canceled_at"),
)


def owed_mails(kind: MailKind) -> Iterator[OwedMail]:
    """The mails of bookings that are owed."""
    return in_turn(partial(OwedMail, kind), owed_payments(kind), "user_id", "reservation__booking_reference")


def owed_payments(kind: MailKind) -> PaymentQuerySet:
    """The payments of a kind that were not mailed yet, those of a date that was canceled left out.

    Its tickets are void, so nobody is sent one; its refunds are told together.
    """
    owed = Payment.objects.filter(**{"state": kind.state, f"{kind.mailed}__isnull": True})
    return owed.with_tickets() if kind is CONFIRMED else owed.exclude(OF_CANCELED_DATE)


def payments_of_mail(owed: OwedMail, *, now: datetime | None = None) -> PaymentQuerySet:
    """What a mail is about, with all that it shows, in one query: seats in the order in which they were booked.

    `owed_for` is how long each has been owed, by PostgreSQL's clock; `at_counter` what was taken for the booking there.
    """
    own = owed_payments(owed.kind).filter(user_id=owed.user_id, reservation__booking_reference=owed.reference)
    return with_mail_relations(own, owed.kind, now)


def with_mail_relations(payments: PaymentQuerySet, kind: MailKind, now: datetime | None) -> PaymentQuerySet:
    """These, with all that a mail says of them and `owed_for`."""
    related = (
        "reservation__concert_seat",
        "reservation__concert_schedule",
        "reservation__concert__venue",
        "user",
        "rebooked_as",
        "rebooked_from__old_payment__reservation__concert_seat",
    )
    shown = payments.select_related(*related).annotate(
        owed_for=moment(now) - F(kind.since), at_counter=TAKEN_AT_COUNTER, resent=times_resent()
    )
    return shown.order_by("reservation_id")


def times_resent() -> Coalesce:
    """How often staff have had the tickets of a payment's booking mailed again."""
    sent = StaffNote.objects.filter(
        kind=NoteKind.RESENT, booking_reference=OuterRef("reservation__booking_reference")
    ).order_by()
    counted = sent.values("booking_reference").annotate(times=Count("pk")).values("times")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


# --- Of a date that was canceled ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwedDateMail:
    """The one mail that a fan is owed of a date that was canceled: of all of their tickets that were refunded."""

    user_id: int
    schedule_id: int

    def __str__(self) -> str:
        return f"date:{self.schedule_id}:{self.user_id}"


# After so long a fan is told of what was refunded, though something of theirs is refused still.
TOLD_ANYWAY_AFTER = timedelta(hours=1)


def owed_date_mails() -> Iterator[OwedDateMail]:
    """The mails of canceled dates that are owed: of fans all of whose tickets are refunded."""
    due = refunds_of_dates().filter(
        ~Exists(tickets_of("reservation__concert_schedule")) | Q(updated_state_at__lt=Now() - TOLD_ANYWAY_AFTER)
    )
    return in_turn(OwedDateMail, due, "user_id", "reservation__concert_schedule_id")


def tickets_of(schedule: str) -> QuerySet[Reservation]:
    """What the fan of an outer row has paid of the date that is in its column `schedule`."""
    return Reservation.objects.filter(
        user=OuterRef("user"), concert_schedule=OuterRef(schedule), status=ReservationStatus.RESERVED
    )


def refunds_of_dates() -> PaymentQuerySet:
    """The refunds of dates that were canceled, of which their fans were not told yet."""
    return Payment.objects.filter(OF_CANCELED_DATE, state=PaymentState.CANCELED, canceled_mail_at=None)


def payments_of_date_mail(owed: OwedDateMail, *, now: datetime | None = None) -> PaymentQuerySet:
    """What such a mail is about, as `payments_of_mail`."""
    own = refunds_of_dates().filter(user_id=owed.user_id, reservation__concert_schedule=owed.schedule_id)
    return with_mail_relations(own, CANCELED, now)


# --- Announcements -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwedAnnouncement:
    """The mail of an announcement that one ticket holder is owed."""

    recipient_id: int

    def __str__(self) -> str:
        return f"announcement:{self.recipient_id}"


def owed_announcements() -> Iterator[OwedAnnouncement]:
    """The mails to ticket holders that are owed."""
    return in_turn(OwedAnnouncement, untold_recipients())


def untold_recipients() -> QuerySet[AnnouncementRecipient]:
    return AnnouncementRecipient.objects.filter(mailed_at=None, skipped_at=None)


def recipient_of_mail(owed: OwedAnnouncement, *, now: datetime | None = None) -> AnnouncementRecipient | None:
    """What such a mail is about, with `owed_for`, and whether the fan has a ticket still; None once it was mailed."""
    found = untold_recipients().filter(pk=owed.recipient_id)
    shown = found.select_related("user", "announcement__concert_schedule__concert__venue")
    owed_for, tickets = moment(now) - F("announcement__created_at"), tickets_of("announcement__concert_schedule")
    return shown.annotate(owed_for=owed_for, has_ticket=Exists(tickets)).first()


# --- Of top-ups and withdrawals ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwedReceipt:
    """The mail that is owed of a top-up: that the money is there, or why it paid nothing."""

    top_up_id: int

    def __str__(self) -> str:
        return f"receipt:{self.top_up_id}"


def owed_receipts() -> Iterator[OwedReceipt]:
    """The mails of top-ups that are owed."""
    return in_turn(OwedReceipt, top_ups_owed_a_receipt())


def top_up_of_mail(owed: OwedReceipt, *, now: datetime | None = None) -> TopUp | None:
    """What such a mail is about, with `owed_for`; None once it was mailed."""
    found = top_ups_owed_a_receipt().filter(pk=owed.top_up_id).select_related("user", "entry")
    return found.annotate(owed_for=moment(now) - F("entry__created_at")).first()


@dataclass(frozen=True, slots=True)
class OwedOutcome:
    """One mail that is owed: all of a fan's withdrawals that have ended so and were not told."""

    user_id: int
    state: str

    def __str__(self) -> str:
        return f"withdrawn:{self.state}:{self.user_id}"


def owed_outcomes() -> Iterator[OwedOutcome]:
    """The mails of withdrawals that are owed."""
    return in_turn(OwedOutcome, untold_withdrawals(), "user_id", "state")


def untold_withdrawals() -> QuerySet[Withdrawal]:
    """The withdrawals that have ended and were not mailed yet."""
    return Withdrawal.objects.filter(state__in=ENDED, outcome_mail_at__isnull=True)


def withdrawals_of_mail(owed: OwedOutcome, *, now: datetime | None = None) -> QuerySet[Withdrawal]:
    """What such a mail is about, with all that it shows, and `owed_for`."""
    own = untold_withdrawals().filter(user_id=owed.user_id, state=owed.state).select_related("top_up", "user")
    return own.annotate(owed_for=moment(now) - F("updated_state_at")).order_by("pk")
