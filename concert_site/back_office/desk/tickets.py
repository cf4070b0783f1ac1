"""A ticket that was read by a scanner, or pasted into the search: is it genuine, and does it still open the door?"""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from concert_site.lib.lazy_text import StrOrPromise
from payments.queries import is_valid_ticket
from reservations.tickets.codes import VERSION, Claims, read_ticket


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a ticket is worth: nothing is known of a forged one, so it has no claims."""

    text: StrOrPromise
    claims: Claims | None = None
    is_valid: bool = False


def verdict_on(text: str) -> Verdict | None:
    """What the text of a QR code says; None if it is no ticket's."""
    plain = "".join(text.split())
    if not plain.upper().startswith(f"{VERSION}."):
        return None
    try:
        claims = read_ticket(plain)
    except Invalid as refusal:
        return Verdict(refusal.detail)
    if is_valid_ticket(reservation_id=claims.reservation, payment_id=claims.payment):
        return Verdict(_("Genuine and valid: the seat is paid."), claims, is_valid=True)
    return Verdict(
        _("Genuine, but no longer valid: the seat was refunded, exchanged or handed over. Let nobody in with it."),
        claims,
    )
