"""Cancelling: a hold is given back, a paid seat is refunded to the wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from concert_site.lib import metrics
from concert_site.lib.database.statements import Row, fetch_one
from concert_site.lib.errors import DomainError, Invalid, NotFound, Unavailable, require_found
from concert_site.lib.reasons import require_reason
from concert_site.lib.zones import zone_of
from payments.domain.errors import FeeChanged
from payments.models import Payment
from reservations.domain import cancellation
from reservations.domain.errors import RefundClosed
from reservations.models import Reservation
from reservations.queries import bookings
from wallet.domain import ledger
from wallet.domain.errors import BalanceTooLarge
from wallet.models import Withdrawal

CANCEL = """
select outcome.*, booked.*
  from cancel_reservation(
    %(fan)s::bigint, %(reservation)s::bigint, %(agreed)s::bigint, %(fee)s::bigint, %(day)s::date, %(zone)s::text,
    %(terms)s::text, %(most)s::bigint, %(now)s::timestamptz) outcome
  left join lateral booked_seat(outcome.reservation, outcome.read_at) booked on true
"""
REFUND = """
select refund_reservation(
    %(reservation)s::bigint, %(fee)s::bigint, %(note)s::text, %(actor)s::bigint, %(most)s::bigint,
    coalesce(%(now)s::timestamptz, statement_timestamp())) as refusal
"""
# Midnight may come between quote and refund, and the date may be moved or canceled; then the fee is quoted anew.
MOST_QUOTES = 4

REFUSALS: dict[str, type[DomainError]] = {
    "not_found": NotFound,
    "fee_changed": FeeChanged,
    "balance_too_large": BalanceTooLarge,
    "quote_first": Unavailable,
}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A canceled reservation: what was kept, what went back to the wallet, and its balance (minor units).

    `withdrawals` are what of the refund went on to the card; of it the balance has nothing.
    """

    reservation: Reservation
    fee: int
    refund: int
    balance: int
    withdrawals: Sequence[Withdrawal] = ()


@dataclass(frozen=True, slots=True)
class Fee:
    """What canceling costs on a day at the venue, in minor units; `zone` is the name of its time zone.

    `terms` are those of the date by which it was quoted (refund_terms_of).
    """

    amount: int
    on: date
    zone: str
    terms: str


def cancel(
    *, user_id: int, reservation_id: int, agreed: int | None = None, now: datetime | None = None
) -> Cancellation:
    """Cancel a fan's own reservation: a held seat is freed, a paid one refunded by the tiers. Again: no change.

    One round trip; of a paid one two, since what it costs is decided here, between them.

    :param agreed: the fee in minor units that the fan was shown and agreed to (0 for a held seat); None for any
    :raises NotFound: if there is none, or it is someone else's
    :raises RefundClosed: if it is paid and too late to return
    :raises FeeChanged: if it costs something else by now than `agreed`
    :raises BalanceTooLarge: if the wallet would hold too much
    """
    order = {"fan": user_id, "reservation": reservation_id, "agreed": agreed, "now": now}
    row, is_refund = try_to_cancel(order, fee=None), False
    for _attempt in range(MOST_QUOTES):
        if row["refusal"] != "quote_first":
            break
        row, is_refund = try_to_cancel(order, fee=fee_of_today(row, agreed=agreed, user_id=user_id)), True
    if row["refusal"] is not None:
        raise REFUSALS[row["refusal"]]
    metrics.REFUNDED_SEATS.add("fan", by=is_refund)
    return cancellation_from(row, user_id=user_id)


def try_to_cancel(order: Mapping[str, object], *, fee: Fee | None) -> Row:
    """The answer of cancel_reservation.sql."""
    taken = {"fee": fee.amount if fee else None, "day": fee.on if fee else None}
    rules = {"zone": fee.zone if fee else None, "terms": fee.terms if fee else None, "most": ledger.LARGEST_BALANCE}
    return fetch_one(CANCEL, {**order, **taken, **rules})


def fee_of_today(row: Row, *, agreed: int | None, user_id: int) -> Fee:
    """The fee of the tiers for a paid reservation, on the day on which it was just read.

    :raises RefundClosed: if it is too late
    :raises FeeChanged: if the fan agreed to another fee
    """
    paid = bookings.reservation_in(row, user_id=user_id)
    offer = cancellation.quote_of(paid)
    if not offer.is_open:
        raise RefundClosed
    if agreed not in (None, offer.fee):
        raise FeeChanged
    zone = zone_of(paid.venue_zone).key
    return Fee(offer.fee, on=bookings.today_of(paid), zone=zone, terms=row["refund_terms"])


def cancellation_from(row: Row, *, user_id: int) -> Cancellation:
    """A cancellation, out of the answer of cancel_reservation.sql: nothing is read again."""
    reservation = bookings.reservation_in(row, user_id=user_id)
    payment = payment_in(row, user_id=user_id)
    # None as well, so that nobody who asks for the payment of a hold goes and looks for it.
    Reservation._meta.get_field("payment").set_cached_value(reservation, payment)  # noqa: SLF001  Django's own API
    fee, refund = (payment.refund_fee or 0, payment.refunded) if payment else (0, 0)
    return Cancellation(reservation, fee, refund, row["balance"])


def payment_in(row: Row, *, user_id: int) -> Payment | None:
    """The payment in the answer of cancel_reservation.sql, if there is one."""
    if row["payment"] is None:
        return None
    return Payment(
        pk=row["payment"],
        reservation_id=row["id"],
        user_id=user_id,
        price=row["paid"],
        state=row["payment_state"],
        refund_fee=row["refund_fee"],
        created_at=row["paid_at"],
        updated_state_at=row["payment_changed_at"],
    )


def require_refund_order(reservation_id: int, *, note: str, fee: int) -> None:
    """
    :raises NotFound: if there is no such reservation
    :raises Invalid: without a reason, or with a fee that is negative or above the price
    """
    reservation = require_found(Reservation.objects.filter(pk=reservation_id).first())
    require_reason(note)
    if not 0 <= fee <= reservation.price:
        raise Invalid(_("The fee must be between 0 and the price."), attr="fee")


def refund(reservation_id: int, *, fee: int, note: str, actor_id: int, now: datetime | None = None) -> bool:
    """Refund a paid reservation by staff, in one round trip; return whether it was still to be refunded.

    :raises Invalid: with a fee, if the date was canceled
    :raises BalanceTooLarge: if the wallet would hold too much
    """
    if fee and Reservation.objects.filter(pk=reservation_id, concert_schedule__canceled_at__isnull=False).exists():
        raise Invalid(_("This date was canceled: it is refunded in full."), attr="fee")
    params = {"reservation": reservation_id, "fee": fee, "note": note, "actor": actor_id, "now": now}
    row = fetch_one(REFUND, params | {"most": ledger.LARGEST_BALANCE})
    if row["refusal"] == "balance_too_large":
        raise BalanceTooLarge
    is_new = bool(row["refusal"] is None)
    metrics.REFUNDED_SEATS.add("staff", by=is_new)
    return is_new
