"""The ticket of a paid reservation: a signed text that a scanner checks without asking us, and its QR code.

    FR1.<payload>.<signature>

Both parts are base32 (RFC 4648) without padding, because a QR code packs capitals and digits into 5.5 bits each:
the code of a plain seat then has 49 modules a side, with base64url 53. The payload is a JSON array of what
`Claims` lists, in that order. The signature is Ed25519 over everything before the last dot. docs/tickets.md
describes it for those who build scanners; the two change together, and what changes is called FR2.
"""

import base64
import binascii
import io
import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

import segno
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils.translation import gettext as _

from concert_site.lib.errors import Invalid, NotFound
from concert_site.lib.formats import day_and_time
from reservations.halls.seat_names import seat_name
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from reservations.tickets import keys

VERSION = "FR1"
# The longest columns, four bytes a character, make about 1,500; whoever sends more sends no ticket.
LONGEST_TEXT = 4000
# As many light modules on each side as the standard of QR codes asks for.
QUIET_ZONE = 4
# Correction M survives 15 % of the code being unreadable: a scratched screen, a crease on paper.
CORRECTION = "m"
# Which of the eight patterns is laid over the modules, so that they don't form areas. The code says which, so each
# can be read. Trying all of them for the evenest takes 9 of 12 ms; of signed texts, which are as good as random, this
# one comes within 5 % of it on average, by the standard's own marks, and 20 % at worst.
MASK = 4


@dataclass(frozen=True, slots=True)
class Claims:
    """What a ticket says, in the order of its payload; `concert_at` is in seconds since 1970, UTC.

    A seat that was returned and sold again has another reservation and another payment, so its old ticket differs.
    """

    reservation: int
    booking_reference: str
    schedule: int
    section: str
    row: str
    seat_label: str
    concert_at: int
    payment: int

    @property
    def begins_at(self) -> datetime:
        return datetime.fromtimestamp(self.concert_at, UTC)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, ready to be shown: its text, and the same as a picture."""

    claims: Claims
    title: str
    text: str

    def svg(self) -> str:
        """The QR code as an SVG of its own, black on white with its quiet zone, whatever page it lies on."""
        picture = io.BytesIO()
        options = {"scale": 1, "border": QUIET_ZONE, "dark": "#000", "light": "#fff", "svgclass": None}
        # A unit is what makes segno add the viewBox, without which a page can't scale the picture.
        self._code().save(picture, kind="svg", title=self.title, lineclass=None, unit="mm", xmldecl=False, **options)
        return picture.getvalue().decode()

    def data_uri(self) -> str:
        """The same as an address that holds it all: a page shows it without asking again, as at a door without a net,
        and whatever is in its title can't become part of the page.
        """
        # segno's own replaces quotation marks behind equals signs, in a title as well: of a `"=" Tour` it is no XML.
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg().encode()).decode()

    def png(self, scale: int = 6) -> bytes:
        """The QR code as a PNG, `scale` pixels a module."""
        picture = io.BytesIO()
        self._code().save(picture, kind="png", scale=scale, border=QUIET_ZONE)
        return picture.getvalue()

    def _code(self) -> segno.QRCode:
        return segno.make_qr(self.text, error=CORRECTION, mask=MASK, boost_error=False)


def ticket_of(reservation: Reservation, *, payment_id: int | None) -> Ticket:
    """The ticket of a paid reservation, which was read with its seat, schedule, concert and venue (queries.bookings).

    Signing is deterministic: the same reservation has the same ticket each time.

    :raises NotFound: if it isn't paid, or was refunded; if its date was canceled
    """
    if reservation.status != ReservationStatus.RESERVED or payment_id is None:
        raise NotFound(_("Only a paid seat has a ticket."))
    if reservation.concert_schedule.canceled_at is not None:
        raise NotFound(_("This date was canceled, so it has no tickets any more."))
    seat = reservation.concert_seat
    claims = Claims(
        reservation=reservation.pk,
        booking_reference=reservation.booking_reference,
        schedule=reservation.concert_schedule_id,
        section=seat.section,
        row=seat.row,
        seat_label=seat.seat_label,
        concert_at=int(reservation.concert_schedule.concert_at.timestamp()),
        payment=payment_id,
    )
    zone = reservation.concert.time_zone
    return Ticket(claims, title_of(reservation.concert.name, claims, zone), signed(claims))


def title_of(concert_name: str, claims: Claims, zone: str | None) -> str:
    """What the picture is of, for people who don't see it, its time in the venue's zone.

    Characters that no XML may hold are left out.
    """
    title = _("Ticket: %(concert)s, %(when)s, %(seat)s") % {
        "concert": concert_name,
        "when": day_and_time(claims.begins_at, zone),
        "seat": seat_name(claims),
    }
    return " ".join("".join(each if each.isprintable() else " " for each in title).split())


def signed(claims: Claims) -> str:
    payload = json.dumps(astuple(claims), ensure_ascii=False, separators=(",", ":")).encode()
    head = f"{VERSION}.{to_base32(payload)}"
    return f"{head}.{to_base32(keys.private_key().sign(head.encode()))}"


def read_ticket(text: str, key: Ed25519PublicKey | None = None) -> Claims:
    """What a ticket says, once its signature is checked by `key`, or else by the site's own.

    :raises Invalid: if it is none, of a version that isn't known, altered, or signed by another key
    """
    head, _dot, signature = text.strip().rpartition(".")
    version, _dot, payload = head.partition(".")
    if version != VERSION or len(text) > LONGEST_TEXT:
        raise Invalid(_("This is not a ticket: it does not begin with %(version)s.") % {"version": f"{VERSION}."})
    try:
        (key or keys.public_key()).verify(from_base32(signature), head.encode("ascii"))
    except (InvalidSignature, ValueError) as error:
        raise Invalid(_("Not genuine: this ticket was altered, or another key signed it.")) from error
    # Whatever was signed is ours, so it has this shape; later ones of this version may have more at the end.
    number_of_claims = len(Claims.__slots__)
    return Claims(*json.loads(from_base32(payload))[:number_of_claims])


def to_base32(raw: bytes) -> str:
    """Base32 without padding."""
    return base64.b32encode(raw).decode().rstrip("=")


def from_base32(text: str) -> bytes:
    """The bytes of a base32 without padding.

    :raises ValueError: if it is none, or spelled otherwise than to_base32 would
    """
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise ValueError(text) from error
    if to_base32(raw) != text:
        raise ValueError(text)
    return raw
