"""Everything of one account that is about a person, table by table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.approvals.models import Approval
from concert_site.trace.models import Change
from payments.models import Payment, TillEntry
from queueing.models import WaitingToken
from reservations.models import AnnouncementRecipient, Reservation, StaffNote
from wallet.models import Balance, BalanceHistory, TopUp, Withdrawal

Rows = QuerySet[Any]  # Any: of each of the models


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one table and the columns of them that are handed out; a name with `__` is another table's column.

    `fan` is the column that says whose a row is.
    """

    name: str
    title: str | Promise
    model: type[Model]
    fields: Sequence[str]
    fan: str = "user_id"

    def columns(self) -> list[tuple[str, str]]:
        """Each column's name, and what people call it."""
        return [(field, capfirst(str(label_of(self.model, field)))) for field in self.fields]

    def rows(self, user_id: int) -> Rows:
        return self.model._default_manager.filter(**{self.fan: user_id})  # noqa: SLF001  Django's public API

    def values(self, user_id: int) -> Iterator[dict[str, Any]]:  # Any: of each column's type
        yield from self.rows(user_id).order_by("pk").values(*self.fields).iterator()


class NotesSection(Section):
    """What staff noted about an account, or about a booking of it."""

    def rows(self, user_id: int) -> Rows:
        return notes_about(user_id)


def notes_about(user_id: int) -> QuerySet[StaffNote]:
    """What staff noted about an account, or about a booking of it."""
    bookings = Reservation.objects.filter(user_id=user_id).values("booking_reference")
    return StaffNote.objects.filter(Q(user_id=user_id) | Q(booking_reference__in=bookings))


# Of other people's tables, which name their columns for programs, and in English alone.
LABELS: dict[str, str | Promise] = {
    "authenticator.type": _("Method"),
    "authenticator.created_at": _("Added"),
    "authenticator.last_used_at": _("Last used"),
    "emailaddress.primary": _("Main address"),
    "emailaddress.verified": _("Confirmed"),
    "usersession.ip": _("IP address"),
    "usersession.user_agent": _("Browser"),
    "usersession.created_at": _("Logged in"),
    "usersession.last_seen_at": _("Last seen"),
}


def label_of(model: type[Model], field: str) -> object:
    """What people call a column."""
    if ours := LABELS.get(f"{model._meta.model_name}.{field}"):  # noqa: SLF001  Django's way to ask for a name
        return ours
    here, _, rest = field.partition("__")
    found = model._meta.get_field(here)  # noqa: SLF001  Django's way to ask for fields
    if rest and found.related_model is not None:
        return label_of(found.related_model, rest)
    return getattr(found, "verbose_name", here)


SECTIONS = (
    Section("account", _("Account"), User, ("id", "email", "name", "locale", "is_active", "last_login"), fan="id"),
    Section("addresses", _("E-mail addresses"), EmailAddress, ("email", "verified", "primary")),
    Section(
        "connected_accounts",
        _("Connected accounts"),
        SocialAccount,
        ("provider", "uid", "last_login", "date_joined", "extra_data"),
    ),
    # Of a second factor that there is one; what opens the account is handed to nobody.
    Section("second_factors", _("Two-step verification"), Authenticator, ("type", "created_at", "last_used_at")),
    Section("sessions", _("Devices logged in"), UserSession, ("ip", "user_agent", "created_at", "last_seen_at")),
    Section(
        "bookings",
        _("Bookings"),
        Reservation,
        (
            "id",
            "booking_reference",
            "concert_name",
            "concert_date",
            "concert_seat__section",
            "concert_seat__row",
            "concert_seat__seat_label",
            "price",
            "complimentary",
            "status",
            "created_at",
            "updated_state_at",
        ),
    ),
    Section(
        "payments",
        _("Payments, and the mails about them"),
        Payment,
        (
            "id",
            "reservation_id",
            "price",
            "state",
            "refund_fee",
            "created_at",
            "updated_state_at",
            "confirmed_mail_at",
            "canceled_mail_at",
        ),
    ),
    Section(
        "counter",
        _("At the counter"),
        TillEntry,
        ("booking_reference", "kind", "method", "amount", "seats", "mail_to", "note", "created_at"),
    ),
    Section("wallet", _("Wallet"), Balance, ("amount", "last_updated_at")),
    Section(
        "ledger",
        _("Activity of the wallet"),
        BalanceHistory,
        ("id", "kind", "amount", "amount_after", "payment_id", "note", "created_at"),
    ),
    Section(
        "top_ups",
        _("Top-ups and card payments"),
        TopUp,
        (
            "reference",
            "amount",
            "currency",
            "purpose",
            "provider",
            "provider_reference",
            "method",
            "state",
            "failure",
            "refunded",
            "created_at",
            "updated_state_at",
            "receipt_mail_at",
        ),
    ),
    Section(
        "withdrawals",
        _("Withdrawals"),
        Withdrawal,
        ("reference", "amount", "state", "failure", "note", "created_at", "updated_state_at", "outcome_mail_at"),
    ),
    Section(
        "places_in_line",
        _("Places in line"),
        WaitingToken,
        (
            "concert_schedule_id",
            "number",
            "status",
            "created_at",
            "entered_at",
            "updated_active_at",
            "expired_at",
            "expired_reason",
        ),
    ),
    Section(
        "announcements",
        _("Announcements that were mailed"),
        AnnouncementRecipient,
        ("announcement_id", "announcement__body_ko", "announcement__body_en"),
    ),
    # Who of the staff wrote it is about them.
    NotesSection("notes", _("Notes by staff"), StaffNote, ("kind", "booking_reference", "text", "created_at")),
    Section(
        "approvals",
        _("Steps that needed a second person"),
        Approval,
        ("kind", "amount", "reason", "state", "asked_at", "decided_at"),
        fan="fan_id",
    ),
    Section(
        "changes",
        _("Changes of the account and its bookings"),
        Change,
        ("at", "action", "table_name", "changes", "reason"),
        fan="fan_id",
    ),
)


def collect(user_id: int) -> dict[str, list[dict[str, Any]]]:  # Any: as above
    """All that there is of an account, by section: what its owner may have by law."""
    return {section.name: list(section.values(user_id)) for section in SECTIONS}
