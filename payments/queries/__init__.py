"""Reads of payments."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, DateTimeField, Exists, F, IntegerField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Now

from concert_site.lib.errors import require_found
from payments.models import Payment, PaymentQuerySet, PaymentState
from payments.queries.till import TAKEN_AT_COUNTER
from reservations.models import AnnouncementRecipient, NoteKind, Reservation, StaffNote
from reservations.models.reservation import ReservationQuerySet, ReservationStatus
from wallet.models import BalanceHistoryQuerySet, TopUp
from wallet.queries import history_of, top_ups_owed_a_receipt

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


@dataclass(frozen=True, slots=True)
class OwedMail:
    """One mail that is owed: all of a fan's payments of one booking that are in the state of its kind."""

    kind: MailKind
    user_id: int
    reference: str

    def __str__(self) -> str:
        return f"{self.kind.name}:{self.user_id}:{self.reference}"


@dataclass(frozen=True, slots=True)
class OwedReceipt:
    """The mail that is owed of a top-up: that the money is there, or why it paid nothing."""

    top_up_id: int

    def __str__(self) -> str:
        return f"receipt:{self.top_up_id}"


@dataclass(frozen=True, slots=True)
class OwedDateMail:
    """The one mail that a fan is owed of a date that was canceled: of all of their tickets that were refunded."""

    user_id: int
    schedule_id: int

    def __str__(self) -> str:
        return f"date:{self.schedule_id}:{self.user_id}"


@dataclass(frozen=True, slots=True)
class OwedAnnouncement:
    """The mail of an announcement that one ticket holder is owed."""

    recipient_id: int

    def __str__(self) -> str:
        return f"announcement:{self.recipient_id}"


# Refunded because the date was canceled: told in one mail of the date, not in one a booking.
OF_CANCELED_DATE = Q(
    reservation__concert_schedule__canceled_at__isnull=False,
    updated_state_at__gte=F("reservation__concert_schedule__canceled_at"),
)
# After so long a fan is told of what was refunded, though something of theirs is refused still.
TOLD_ANYWAY_AFTER = timedelta(hours=1)


def own_payments(*, user_id: int) -> PaymentQuerySet:
    """A fan's payments, newest first."""
    return Payment.objects.of(user_id=user_id).order_by("-pk")


def own(payment_id: int, *, user_id: int) -> Payment:
    """One payment of a fan.

    :raises NotFound: if there is none, or it is someone else's
    """
    return require_found(own_payments(user_id=user_id).filter(pk=payment_id).first())


def with_payments(reservations: ReservationQuerySet) -> ReservationQuerySet:
    """These reservations, each with its payment, in the same query."""
    return reservations.select_related("payment__rebooked_as")


def payment_of(reservation: Reservation) -> Payment | None:
    return getattr(reservation, "payment", None)


def is_valid_ticket(*, reservation_id: int, payment_id: int) -> bool:
    """Whether the ticket of this payment still opens the door: the reservation is paid, by this payment, of a date that
    was not canceled.
    """
    paid = Payment.objects.filter(pk=payment_id, state=PaymentState.COMPLETED, reservation=reservation_id)
    is_played = {"reservation__concert_schedule__canceled_at__isnull": True}
    return paid.filter(reservation__status=ReservationStatus.RESERVED, **is_played).exists()


def statement_of(user_id: int, *, before: int | None, size: int) -> BalanceHistoryQuerySet:
    """A page of a fan's ledger, newest first: entries older than `before`, each with what it was for: the seat, the
    top-up, or the withdrawal that it took off or brought back.
    """
    entries = history_of(user_id).select_related(
        "payment__reservation__concert_seat", "top_up", "withdrawal", "returned_withdrawal"
    )
    return (entries if before is None else entries.filter(pk__lt=before))[:size]


def owed_mails(kind: MailKind) -> Iterator[OwedMail]:
    """The mails that are owed, the oldest first: through the partial index, which holds nothing else."""
    rows = owed_payments(kind).order_by("pk").values_list("pk", "user_id", "reservation__booking_reference")
    seen, last = set(), 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        for _pk, user_id, reference in batch:
            owed = OwedMail(kind, user_id, reference)
            if owed not in seen:
                seen.add(owed)
                yield owed


def owed_receipts() -> Iterator[OwedReceipt]:
    """The mails of top-ups that are owed, the oldest first."""
    rows, last = top_ups_owed_a_receipt().order_by("pk").values_list("pk", flat=True), 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1]
        yield from map(OwedReceipt, batch)


def top_up_of_mail(owed: OwedReceipt, *, now: datetime | None = None) -> TopUp | None:
    """What such a mail is about, with `owed_for`; None once it was mailed."""
    moment = Value(now, output_field=DateTimeField()) if now else Now()
    found = top_ups_owed_a_receipt().filter(pk=owed.top_up_id).select_related("user", "entry")
    return found.annotate(owed_for=moment - F("entry__created_at")).first()


def owed_payments(kind: MailKind) -> PaymentQuerySet:
    """The payments of a kind that were not mailed yet, those of a date that was canceled left out.

    Its tickets are void, so nobody is sent one; its refunds are told together.
    """
    owed = Payment.objects.filter(**{"state": kind.state, f"{kind.mailed}__isnull": True})
    if kind is CONFIRMED:
        return owed.filter(reservation__concert_schedule__canceled_at=None)
    return owed.exclude(OF_CANCELED_DATE)


def owed_date_mails() -> Iterator[OwedDateMail]:
    """The mails of canceled dates that are owed, the oldest first: of fans all of whose tickets are refunded."""
    still_paid = Reservation.objects.filter(
        user=OuterRef("user"),
        concert_schedule=OuterRef("reservation__concert_schedule"),
        status=ReservationStatus.RESERVED,
    )
    due = refunds_of_dates().filter(~Exists(still_paid) | Q(updated_state_at__lt=Now() - TOLD_ANYWAY_AFTER))
    rows = due.order_by("pk").values_list("pk", "user_id", "reservation__concert_schedule_id")
    seen, last = set(), 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        for _pk, user_id, schedule_id in batch:
            owed = OwedDateMail(user_id, schedule_id)
            if owed not in seen:
                seen.add(owed)
                yield owed


def refunds_of_dates() -> PaymentQuerySet:
    """The refunds of dates that were canceled, of which their fans were not told yet."""
    return Payment.objects.filter(OF_CANCELED_DATE, state=PaymentState.CANCELED, canceled_mail_at=None)


def payments_of_date_mail(owed: OwedDateMail, *, now: datetime | None = None) -> PaymentQuerySet:
    """What such a mail is about, as `payments_of_mail`."""
    own = refunds_of_dates().filter(user_id=owed.user_id, reservation__concert_schedule=owed.schedule_id)
    return with_what_mails_show(own, CANCELED, now)


def owed_announcements() -> Iterator[OwedAnnouncement]:
    """The mails to ticket holders that are owed, the oldest first."""
    rows = AnnouncementRecipient.objects.filter(mailed_at=None, skipped_at=None).order_by("pk")
    ids, last = rows.values_list("pk", flat=True), 0
    while batch := list(ids.filter(pk__gt=last)[:BATCH]):
        last = batch[-1]
        yield from map(OwedAnnouncement, batch)


def recipient_of_mail(owed: OwedAnnouncement, *, now: datetime | None = None) -> AnnouncementRecipient | None:
    """What such a mail is about, with `owed_for`, and whether the fan has a ticket still; None once it was mailed."""
    moment = Value(now, output_field=DateTimeField()) if now else Now()
    tickets = Reservation.objects.filter(
        user=OuterRef("user"),
        concert_schedule=OuterRef("announcement__concert_schedule"),
        status=ReservationStatus.RESERVED,
    )
    related = "user", "announcement__concert_schedule__concert__venue"
    found = AnnouncementRecipient.objects.filter(pk=owed.recipient_id, mailed_at=None, skipped_at=None)
    return (
        found.select_related(*related)
        .annotate(owed_for=moment - F("announcement__created_at"), has_ticket=Exists(tickets))
        .first()
    )


def times_resent() -> Coalesce:
    """How often staff have had the tickets of a payment's booking mailed again."""
    sent = StaffNote.objects.filter(
        kind=NoteKind.RESENT, booking_reference=OuterRef("reservation__booking_reference")
    ).order_by()
    counted = sent.values("booking_reference").annotate(times=Count("pk")).values("times")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def payments_of_mail(owed: OwedMail, *, now: datetime | None = None) -> PaymentQuerySet:
    """What a mail is about, with all that it shows, in one query: seats in the order in which they were booked.

    `owed_for` is how long each has been owed, by PostgreSQL's clock; `at_counter` what was taken for the booking there.
    """
    own = owed_payments(owed.kind).filter(user_id=owed.user_id, reservation__booking_reference=owed.reference)
    return with_what_mails_show(own, owed.kind, now)


def with_what_mails_show(payments: PaymentQuerySet, kind: MailKind, now: datetime | None) -> PaymentQuerySet:
    """These, with all that a mail says of them and `owed_for`."""
    moment = Value(now, output_field=DateTimeField()) if now else Now()
    related = (
        "reservation__concert_seat",
        "reservation__concert_schedule",
        "reservation__concert__venue",
        "user",
        "rebooked_as",
        "rebooked_from__old_payment__reservation__concert_seat",
    )
    shown = payments.select_related(*related).annotate(
        owed_for=moment - F(kind.since), at_counter=TAKEN_AT_COUNTER, resent=times_resent()
    )
    return shown.order_by("reservation_id")
