"""Cancelling: a hold is given back, a paid seat is refunded to the wallet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid, NotFound
from payments.domain.errors import FeeChanged
from payments.models import Payment, State
from reservations.domain import cancellation, holds
from reservations.domain.errors import RefundClosed
from reservations.models import ConcertSeat, Reservation, SeatStatus
from reservations.models.reservation import Status
from reservations.queries import bookings
from wallet.domain import ledger
from wallet.models import Kind
from wallet.queries import wallet_of


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A canceled reservation: what was kept, what went back to the wallet, and its balance (minor units)."""

    reservation: Reservation
    fee: int
    refund: int
    balance: int


@dataclass(frozen=True, slots=True)
class Fee:
    """What a refund keeps: the tiers' fee (`amount` None), or what a member of staff sets, with who and why.

    `agreed` is the fee that the fan was shown, if they were shown one: no other is taken.
    """

    amount: int | None = None
    agreed: int | None = None
    note: str = ""
    actor_id: int | None = None


def cancel(
    *, user_id: int, reservation_id: int, agreed: int | None = None, now: datetime | None = None
) -> Cancellation:
    """Cancel a fan's own reservation: a held seat is freed, a paid one refunded by the tiers. Again: no change.

    :param agreed: the fee in minor units that the fan was shown and agreed to (0 for a held seat); None for any
    :raises NotFound: if there is none, or it is someone else's
    :raises RefundClosed: if it is paid and too late to return
    :raises FeeChanged: if it costs something else by now than `agreed`
    """
    reservation = bookings.own(reservation_id, user_id=user_id, now=now)
    if reservation.status == Status.RESERVING:
        holds.release_hold(reservation_id=reservation_id, user_id=user_id, now=now)
        reservation = bookings.own(reservation_id, user_id=user_id, now=now)
    if reservation.status == Status.RESERVED:
        # Also where the other tab paid while this one gave up: the fan asked for it to be canceled.
        refund(reservation, fee=Fee(agreed=agreed), now=now)
        reservation = bookings.own(reservation_id, user_id=user_id, now=now)
    return canceled(reservation)


def cancel_together(*, user_id: int, agreed: Mapping[int, int], now: datetime | None = None) -> list[Cancellation]:
    """Cancel a fan's own reservations, each for the fee that was agreed for it.

    Each is a transaction of its own: where one is refused, those before it are canceled, and asking again with
    what is left is right.

    :raises NotFound, RefundClosed, FeeChanged: as `cancel` does
    """
    return [
        cancel(user_id=user_id, reservation_id=reservation_id, agreed=fee, now=now)
        for reservation_id, fee in sorted(agreed.items())
    ]


def canceled(reservation: Reservation) -> Cancellation:
    """The picture of a canceled reservation, read with its payment."""
    payment: Payment | None = getattr(reservation, "payment", None)
    fee = payment.refund_fee or 0 if payment else 0
    refunded = payment.price - fee if payment else 0
    return Cancellation(reservation, fee, refunded, wallet_of(reservation.user_id).amount)


@transaction.atomic(durable=True)
def refund(reservation: Reservation, *, fee: Fee, now: datetime | None = None) -> bool:
    """Refund a paid reservation and return its seat to sale; return whether it was still to be refunded.

    Locks the seat, then reservation, payment and balance, as everywhere. `reservation` is read before and
    looked at again behind the lock.

    :raises RefundClosed: if the tiers decide, and it is too late
    :raises FeeChanged: if the fan agreed to another fee
    """
    ConcertSeat.objects.select_for_update(of=("self",), no_key=True).get(pk=reservation.concert_seat_id)
    kept = fee.amount if fee.amount is not None else tier_fee(reservation, now=now)
    if fee.agreed not in (None, kept):
        raise FeeChanged
    moment = now or Now()
    mine = Reservation.objects.filter(pk=reservation.pk)
    if mine.move(Status.RESERVED, Status.CANCELED, updated_state_at=moment) == 0:
        return False
    payment = Payment.objects.get(reservation_id=reservation.pk)
    Payment.objects.filter(pk=payment.pk).move(
        State.COMPLETED, State.CANCELED, refund_fee=kept, updated_state_at=moment
    )
    ledger.book(
        user_id=reservation.user_id,
        kind=Kind.REFUND,
        amount=payment.price - kept,
        payment_id=payment.pk,
        note=fee.note,
        actor_id=fee.actor_id,
        now=now,
    )
    ConcertSeat.objects.filter(pk=reservation.concert_seat_id).move(
        SeatStatus.RESERVED, SeatStatus.AVAILABLE, user_id=None, reserved_at=None
    )
    return True


def tier_fee(reservation: Reservation, *, now: datetime | None) -> int:
    """The fee of the tiers today, in the venue's zone.

    :raises RefundClosed: if it is too late
    """
    offer = cancellation.quote_of(reservation, now=now)
    if not offer.is_open:
        raise RefundClosed
    return offer.fee


def refund_by_staff(
    *, reservation_id: int, actor_id: int, note: str, fee: int = 0, now: datetime | None = None
) -> bool:
    """Refund any paid reservation, at any time, with a fee in minor units and a reason; whether it was paid.

    :raises NotFound: if there is no such reservation
    :raises Invalid: without a reason, or with a fee that is negative or above the price
    """
    reservation = Reservation.objects.filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound
    refuse_without_reason(note)
    if not 0 <= fee <= reservation.price:
        raise Invalid(_("The fee lies between 0 and the price."), attr="fee")
    return refund(reservation, fee=Fee(fee, note=note, actor_id=actor_id), now=now)


def refuse_without_reason(note: str) -> None:
    """
    :raises Invalid: if the ledger could not say why
    """
    if not note.strip() or len(note) > ledger.LONGEST_NOTE or not note.isprintable():
        raise Invalid(_("Say why, in one line of up to 500 characters."), attr="note")
