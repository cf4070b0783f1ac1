"""Reads of tickets."""

from concert_site.lib.errors import NotFound
from reservations.models import Reservation
from reservations.models.reservation import Status
from reservations.queries import bookings


def own_with_schedule(reservation_id: int, *, user_id: int) -> Reservation:
    """A fan's reservation with all that its ticket says: seat, schedule and payment, in one query.

    :raises NotFound: if there is none, or it is someone else's
    """
    found = bookings.own_reservations(user_id=user_id).select_related("concert_schedule").filter(pk=reservation_id)
    reservation = found.first()
    if reservation is None:
        raise NotFound
    return reservation


def is_valid(*, reservation_id: int, payment_id: int) -> bool:
    """Whether the ticket of this payment still opens the door: the reservation is paid, and by this payment."""
    return Reservation.objects.filter(pk=reservation_id, status=Status.RESERVED, payment=payment_id).exists()
