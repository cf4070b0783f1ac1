"""What was paid for a reservation. Payments, which live above, plug in how it is read along with one."""

from datetime import datetime
from typing import Protocol

from reservations.models import Reservation
from reservations.models.reservation import ReservationQuerySet, ReservationStatus
from reservations.tickets.codes import Ticket, ticket_of


class PaymentFacts(Protocol):
    """What a booking shows of a payment; amounts in minor units."""

    @property
    def pk(self) -> int: ...
    @property
    def reservation_id(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def refund_fee(self) -> int | None: ...
    @property
    def refunded(self) -> int: ...
    @property
    def became(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_state_at(self) -> datetime: ...


class PaymentReader(Protocol):
    """How payments are read along with reservations, without a query of their own."""

    def with_payments(self, reservations: ReservationQuerySet) -> ReservationQuerySet:
        """These, each with its payment."""

    def payment_of(self, reservation: Reservation) -> PaymentFacts | None:
        """The payment of a reservation that was read so."""


_plugged: list[PaymentReader] = []


def use_payment_reader(reader: PaymentReader) -> None:
    """Have payments read along from now on."""
    _plugged[:] = [reader]


def with_payments(reservations: ReservationQuerySet) -> ReservationQuerySet:
    """These reservations, each with its payment, in the same query."""
    for reader in _plugged:
        reservations = reader.with_payments(reservations)
    return reservations


def payment_of(reservation: Reservation) -> PaymentFacts | None:
    """The payment of a reservation; one that is held, or lapsed, has none, and nobody goes and looks for it."""
    if reservation.status == ReservationStatus.RESERVING:
        return None
    return next((reader.payment_of(reservation) for reader in _plugged), None)


def ticket_for(reservation: Reservation) -> Ticket:
    """The ticket of a reservation that was read with seat, schedule and payment.

    :raises NotFound: if it isn't paid, or was refunded
    """
    payment = payment_of(reservation)
    return ticket_of(reservation, payment_id=payment.pk if payment else None)
