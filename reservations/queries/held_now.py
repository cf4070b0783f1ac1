"""What a fan holds at this moment, of whatever date: what every page shows until it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus, is_held_at


@dataclass(frozen=True, slots=True)
class HeldBooking:
    """Seats that one booking holds: how many, what they cost in minor units, and until when."""

    reference: str
    concert_name: str
    count: int
    to_pay: int
    held_until: datetime
    seconds_left: int


@dataclass(frozen=True, slots=True)
class HeldNow:
    """The booking whose time is over first, and how many others wait to be paid as well."""

    first: HeldBooking
    others: int


def held_now(*, user_id: int, now: datetime | None = None) -> HeldNow | None:
    """What a fan holds; None if it is nothing. One query, by the index of live reservations (reservation_fan_live)."""
    # The state beside the rule, so that the planner sees the index's own condition.
    held = (
        Reservation.objects.of(user_id=user_id).filter(is_held_at(now), status=ReservationStatus.RESERVING).as_read(now)
    )
    columns = "booking_reference", "concert_name", "price", "expired_at"
    rows = held.only(*columns).order_by("booking_reference", "pk")
    found = [booking_of(list(together)) for _key, together in groupby(rows, key=lambda each: each.booking_reference)]
    if not found:
        return None
    return HeldNow(min(found, key=lambda each: each.held_until), others=len(found) - 1)


def booking_of(held: Sequence[Reservation]) -> HeldBooking:
    """The held seats of one booking together."""
    first = held[0]
    until = min(each.expired_at for each in held if each.expired_at)
    return HeldBooking(
        reference=first.booking_reference,
        concert_name=first.concert_name,
        count=len(held),
        to_pay=sum(each.price for each in held),
        held_until=until,
        seconds_left=int((until - first.read_at).total_seconds()),
    )
