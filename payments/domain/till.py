"""The till: what passes the counter, each with the line of the fan's ledger that it explains."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from payments.domain.mail_rendering import language_of
from payments.models import TillEntry, TillKind, TillMethod
from wallet.domain.ledger import LARGEST_BALANCE

LONGEST_REFERENCE = 100


@dataclass(frozen=True, slots=True)
class Tender:
    """How something is paid: `tendered` is the cash that was handed over (None: just the price), in minor units."""

    method: TillMethod
    tendered: int | None = None
    terminal_reference: str = ""


def require_tender(tender: Tender, total: int) -> None:
    """
    :raises Invalid: if less was handed over than it costs, or the till could not say what happened
    """
    if tender.tendered is not None and (tender.method != TillMethod.CASH or tender.tendered > LARGEST_BALANCE):
        raise Invalid(_("Give the amount taken for cash only."), attr="tendered")
    if tender.tendered is not None and tender.tendered < total:
        raise Invalid(_("That’s less than the total."), attr="tendered")
    text = tender.terminal_reference
    if text and (tender.method != TillMethod.TERMINAL or len(text) > LONGEST_REFERENCE or not text.isprintable()):
        raise Invalid(_("Give the terminal’s reference in one line, up to 100 characters."), attr="terminal_reference")


@dataclass(frozen=True, slots=True)
class Click:
    """An order by its idempotency key, which is a clerk's own, and the hash of what it asks for."""

    actor_id: int
    idempotency_key: str
    hash: str


def booked_before(click: Click) -> TillEntry | None:
    """What a clerk's key has booked, if it has.

    :raises IdempotencyKeyReused: if that was another order
    """
    entry = TillEntry.objects.filter(actor_id=click.actor_id, idempotency_key=click.idempotency_key).first()
    if entry and entry.request_hash != click.hash:
        raise IdempotencyKeyReused
    return entry


def ledger_note(fan: User, tender: Tender, reference: str) -> str:
    """What the fan's ledger says of money that was taken, in their language."""
    with override(language_of(fan)):
        if tender.method == TillMethod.CASH:
            return gettext("Cash at the box office, booking %(reference)s") % {"reference": reference}
        said = gettext("Card at the box office, booking %(reference)s") % {"reference": reference}
    return f"{said} ({tender.terminal_reference})" if tender.terminal_reference else said


def book(
    *,
    sale: UUID,
    kind: TillKind,
    method: TillMethod,
    amount: int,
    user_id: int,
    schedule_id: int,
    reference: str,
    seats: int,
    entry_id: int | None,
    actor_id: int,
    now: datetime | None,
    **more: object,
) -> TillEntry:
    """Write an entry of the till: a step of the caller's transaction, which has written the ledger's line."""
    return TillEntry.objects.create(
        sale=sale,
        kind=kind,
        method=method,
        amount=amount,
        user_id=user_id,
        concert_schedule_id=schedule_id,
        booking_reference=reference,
        seats=seats,
        entry_id=entry_id,
        actor_id=actor_id,
        created_at=now or Now(),
        **more,
    )
