"""Reads of payments."""

from concert_site.lib.errors import require_found
from payments.models import Payment, PaymentQuerySet
from reservations.models import Reservation
from reservations.models.reservation import ReservationQuerySet, ReservationStatus
from wallet.models import BalanceHistoryQuerySet
from wallet.queries import history_of


def own_payments(*, user_id: int) -> PaymentQuerySet:
    """A fan's payments, newest first."""
    return Payment.objects.of(user_id=user_id).order_by("-pk")


def own(payment_id: int, *, user_id: int) -> Payment:
    """One payment of a fan.

    :raises NotFound: if there is none, or it is someone else's
    """
    return require_found(own_payments(user_id=user_id).filter(pk=payment_id).first())


def with_payments(reservations: ReservationQuerySet) -> ReservationQuerySet:
    """These reservations, each with its payment, in the same query."""
    return reservations.select_related("payment__rebooked_as")


def payment_of(reservation: Reservation) -> Payment | None:
    return getattr(reservation, "payment", None)


def is_valid_ticket(*, reservation_id: int, payment_id: int) -> bool:
    """Whether the ticket of this payment still opens the door: the reservation is paid, and by this payment."""
    paid = Payment.objects.with_tickets().filter(pk=payment_id, reservation=reservation_id)
    return paid.filter(reservation__status=ReservationStatus.RESERVED).exists()


def statement_of(user_id: int, *, before: int | None, size: int) -> BalanceHistoryQuerySet:
    """A page of a fan's ledger, newest first: entries older than `before`, each with what it was for: the seat, the
    top-up, or the withdrawal that it took off or brought back.
    """
    entries = history_of(user_id).select_related(
        "payment__reservation__concert_seat", "top_up", "withdrawal", "returned_withdrawal"
    )
    return (entries if before is None else entries.filter(pk__lt=before))[:size]
