"""The till: what passes the counter, each with the line of the fan's ledger that it explains."""

from django.utils.translation import gettext, override

from concert_site.accounts.models import User
from concert_site.lib.idempotency import made_before
from payments.domain.counter_orders import PaymentOrder, SaleOrder, Tender
from payments.domain.mail_rendering import language_of
from payments.models import TillEntry, TillMethod


def booked_before(order: SaleOrder | PaymentOrder) -> TillEntry | None:
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
