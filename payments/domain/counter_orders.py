"""What a clerk asks for at the counter: a sale, or money for what a fan holds, and how it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.walk_ins import LONGEST_NAME
from concert_site.lib.errors import Invalid
from concert_site.lib.id_lists import require_distinct
from concert_site.lib.idempotency import request_hash
from concert_site.lib.reasons import require_reason
from payments.models import TillMethod
from wallet.domain.ledger import LARGEST_BALANCE

MOST_SEATS = 200
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


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys: an account, or (None) a walk-in, whose name and address may be empty."""

    user_id: int | None = None
    name: str = ""
    mail_to: str = ""


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """What a clerk sells. `agreed` is the total that they have said, in minor units; `note` says why it is free.

    `from_named_holds` lets seats be taken that are kept for somebody.
    """

    schedule_id: int
    seat_ids: Sequence[int]
    buyer: Buyer
    tender: Tender
    agreed: int
    actor_id: int
    idempotency_key: str
    note: str = ""
    from_named_holds: bool = False

    @property
    def is_free(self) -> bool:
        return self.tender.method == TillMethod.COMPLIMENTARY

    @property
    def hash(self) -> str:
        """What is asked for, whoever asks and whenever."""
        return request_hash(
            {
                "schedule": self.schedule_id,
                "seats": sorted(self.seat_ids),
                "buyer": [self.buyer.user_id, self.buyer.name, self.buyer.mail_to],
                "tender": self.tender.facts,
                "agreed": self.agreed,
                "note": self.note,
            }
        )


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """Money that is taken for what a fan holds of a booking; the rest as in SaleOrder."""

    booking_reference: str
    tender: Tender
    agreed: int
    actor_id: int
    idempotency_key: str

    @property
    def hash(self) -> str:
        """What is asked for, whoever asks and whenever."""
        return request_hash({"booking": self.booking_reference, "tender": self.tender.facts, "agreed": self.agreed})


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


def require_order(order: SaleOrder) -> None:
    """
    :raises Invalid: if seats, buyer, tender or note make no sense
    """
    require_distinct(order.seat_ids, attr="seats", none=_("Choose a seat."), twice=_("This seat is listed twice."))
    if len(order.seat_ids) > MOST_SEATS:
        raise Invalid(_("Sell up to %(most)d seats at a time.") % {"most": MOST_SEATS}, attr="seats")
    require_tender(order.tender, order.agreed)
    if order.is_free:
        require_reason(order.note)
    if len(order.buyer.name) > LONGEST_NAME or (order.buyer.name and not order.buyer.name.isprintable()):
        raise Invalid(_("Give a name in one line, up to 150 characters."), attr="name")
    try:
        validate_email(order.buyer.mail_to or "none@example.com")
    except ValidationError as error:
        raise Invalid(error.messages[0], attr="mail_to") from error
