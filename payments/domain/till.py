"""The till: what passes the counter, each with the line of the fan's ledger that it explains."""

from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import made_before
from payments.domain.mail_rendering import language_of
from payments.models import TillEntry, TillMethod
from wallet.domain.ledger import LARGEST_BALANCE

LONGEST_REFERENCE = 100


@dataclass(frozen=True, slots=True)
class Tender:
    """How something is paid: `tendered` is the cash that was handed over (None: just the price), in minor units."""

    method: TillMethod
    tendered: int | None = None
    terminal_reference: str = ""

    @property
    def facts(self) -> list[object]:
        """What tells it from another way of paying."""
        return [self.method, self.tendered, self.terminal_reference]


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


class ClerkOrder(Protocol):
    """What a clerk asks for, by an idempotency key of their own."""

    @property
    def actor_id(self) -> int: ...
    @property
    def idempotency_key(self) -> str: ...
    @property
    def hash(self) -> str: ...


def booked_before(order: ClerkOrder) -> TillEntry | None:
    """What a clerk's key has booked, if it has.

    :raises IdempotencyKeyReused: if that was another order
    """
    own = TillEntry.objects.filter(actor_id=order.actor_id, idempotency_key=order.idempotency_key)
    return made_before(own.first(), order.hash)


def ledger_note(fan: User, tender: Tender, reference: str) -> str:
    """What the fan's ledger says of money that was taken, in their language."""
    with override(language_of(fan)):
        if tender.method == TillMethod.CASH:
            return gettext("Cash at the box office, booking %(reference)s") % {"reference": reference}
        said = gettext("Card at the box office, booking %(reference)s") % {"reference": reference}
    return f"{said} ({tender.terminal_reference})" if tender.terminal_reference else said
