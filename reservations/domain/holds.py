"""Holds: seats that wait for their payment, from the first click to paid, given up or lapsed."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Required, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from concert_site.lib import metrics
from concert_site.lib.database.statements import Row, fetch, fetch_one, sql_beside
from concert_site.lib.errors import DomainError, NotFound
from concert_site.lib.id_lists import indexes_of, require_distinct
from concert_site.lib.idempotency import IdempotencyKeyReused
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen
from reservations.domain.errors import (
    HoldCooldown,
    HoldExpired,
    ScheduleUnknown,
    SeatUnavailable,
    SeatUnknown,
    SingleSeatLeft,
    TicketLimitExceeded,
)
from reservations.models import Reservation
from reservations.models.reservation import REFERENCE_ALPHABET, REFERENCE_LENGTH, ReservationStatus
from reservations.models.seat import ConcertSeatQuerySet
from reservations.queries import bookings

HOLD = """
select * from hold_seats(
    %(fan)s::bigint, %(schedule)s::bigint, %(seats)s::bigint[], %(token)s::uuid, %(booking)s::text, %(key)s::text,
    %(hash)s::text, %(hold_seconds)s::float8, %(active_seconds)s::float8, %(free)s::int, %(wait_seconds)s::float8,
    %(now)s::timestamptz)
"""
EXTEND = """
select outcome.refusal, outcome.read_at, booked.*
  from extend_hold(%(fan)s::bigint, %(reservation)s::bigint, %(hold_seconds)s::float8, %(now)s::timestamptz) outcome
  left join lateral booked_seat(outcome.reservation, outcome.read_at) booked on true
"""
RELEASE = """
select release_hold(
    %(reservation)s::bigint, %(fan)s::bigint, coalesce(%(now)s::timestamptz, statement_timestamp())) as was
"""
RELEASE_BOOKING = """
select release_booking(
    %(fan)s::bigint, %(reference)s::text, coalesce(%(now)s::timestamptz, statement_timestamp())) as released
"""
RELEASE_BATCH = 5000

REFUSALS: dict[str, type[DomainError]] = {
    "idempotency_key_reused": IdempotencyKeyReused,
    "sale_not_open": SaleNotOpen,
    "sale_closed": SaleClosed,
    "queue_token_required": QueueTokenRequired,
    "queue_token_inactive": QueueTokenInactive,
    "ticket_limit_exceeded": TicketLimitExceeded,
}


class Substitute(NamedTuple):
    """A seat that was asked for and is gone, and the one that is held in its place: ids."""

    seat: int
    by: int


@dataclass(frozen=True, slots=True)
class Booking:
    """Seats booked together: the rows that hold_seats.sql answered of a new one, or the reservations of a repeat.

    `substituted` says which seats are others than those asked for, where the fan allowed it.
    """

    reference: str
    schedule_id: int
    rows: list[Row]
    repeated: list[Reservation]
    substituted: Sequence[Substitute] = ()

    @property
    def is_new(self) -> bool:
        """Whether it was made just now; not so for the answer to a repeat."""
        return bool(self.rows)

    @property
    def states(self) -> set[str]:
        """What its seats are by now: held if it is new."""
        return {ReservationStatus.RESERVING} if self.rows else {each.state for each in self.repeated}

    @property
    def total(self) -> int:
        """The price of all its seats, in minor units."""
        return sum([int(row["price"]) for row in self.rows] + [each.price for each in self.repeated])

    @property
    def expired_at(self) -> datetime | None:
        """When the hold ends; None once nothing of it is held, be it only that nobody has tidied up yet."""
        held = [each.expired_at for each in self.repeated if each.state == ReservationStatus.RESERVING]
        ends = [row["expired_at"] for row in self.rows] + [end for end in held if end]
        return min(ends, default=None)


class HoldContext(TypedDict, total=False):
    """What every hold has besides its seats; `request_hash` is of what came with the key."""

    user_id: Required[int]
    schedule: Required[int]
    queue_token: Required[UUID | None]
    idempotency_key: str | None
    request_hash: str | None
    now: datetime | None


def hold_seats(*, seats: Sequence[int], statement: str = HOLD, **context: Unpack[HoldContext]) -> Booking:
    """Hold all of `seats` (ids, of one schedule) for HOLD_SECONDS, or none. Another `statement` may replace some.

    The same key again, or exactly the fan's own live held seats, answers that booking as it is now. One
    round trip, whatever the number of seats; a repeat takes a second one to read the booking.

    :raises Invalid: if no seat is named, or one twice, or schedule or seat don't exist
    :raises QueueTokenRequired, QueueTokenInactive: unless `queue_token` is the fan's, for this schedule, and ACTIVE
    :raises SaleNotOpen, SaleClosed: outside the sale
    :raises TicketLimitExceeded: if the fan would have more than `tickets_per_fan` live seats of the schedule
    :raises SeatUnavailable: naming the seats that are gone
    :raises IdempotencyKeyReused: if the key belongs to another request
    :raises HoldCooldown: saying how long to wait, if the fan has given seats of the schedule back too often
    """
    require_distinct(seats, attr="seats", none=_("Choose a seat."), twice=_("This seat is listed twice."))
    rows = held_rows(statement, context, seats=list(seats))
    if rows[0]["refusal"] is not None:
        raise refusal_of(rows[0], seats)
    if rows[0].get("lonely"):
        raise SingleSeatLeft(rows[0]["lonely"], rows[0]["instead"] or ())
    return booking_from(rows, context)


def held_rows(statement: str, context: HoldContext, **params: object) -> list[Row]:
    """What a statement with hold_seats.sql in it answers."""
    params |= {
        "fan": context["user_id"],
        "schedule": context["schedule"],
        "token": context["queue_token"],
        "booking": new_reference(),
        "key": context.get("idempotency_key"),
        "hash": context.get("request_hash"),
        "hold_seconds": float(settings.HOLD_SECONDS),
        "active_seconds": float(settings.TOKEN_ACTIVE_SECONDS),
        "free": settings.HOLD_COOLDOWN_FREE,
        "wait_seconds": float(settings.HOLD_COOLDOWN_SECONDS),
        "now": context.get("now"),
    }
    try:
        return fetch(statement, params)
    except IntegrityError:
        # The same key with other seats came through at the same moment; it now stands there and is found.
        return fetch(statement, params)


def new_reference() -> str:
    """A booking reference: 12 characters, about 57 random bits."""
    base = len(REFERENCE_ALPHABET)
    number = secrets.randbits(128) % base**REFERENCE_LENGTH
    return "".join([REFERENCE_ALPHABET[number // base**nth % base] for nth in range(REFERENCE_LENGTH)])


def booking_from(rows: list[Row], context: HoldContext) -> Booking:
    """The booking that hold_seats.sql answered."""
    reference, schedule_id = rows[0]["booking_reference"], context["schedule"]
    if not rows[0]["is_new"]:
        repeated = list(bookings.of_reference(reference, user_id=context["user_id"], now=context.get("now")))
        return Booking(reference, schedule_id, rows=[], repeated=repeated)
    metrics.HOLDS.add()
    metrics.HELD_SEATS.add(by=len(rows))
    return Booking(reference, schedule_id, rows=rows, repeated=[])


def refusal_of(row: Row, seats: Sequence[int]) -> DomainError:
    """The domain error of a refusal; of seats, it names each one at fault by its place in the request."""
    at_fault = indexes_of(row["gone"], seats)
    match row["refusal"]:
        case "seat_unavailable":
            return SeatUnavailable(attr="seats", items=at_fault)
        case "seat_unknown":
            return SeatUnknown(attr="seats", items=at_fault)
        case "schedule_unknown":
            return ScheduleUnknown(attr="schedule")
        case "throttled":
            return HoldCooldown(row["wait"])
        case refusal:
            return REFUSALS[refusal]()


def extend_hold(*, user_id: int, reservation_id: int, now: datetime | None = None) -> Reservation:
    """Give the whole booking of a held reservation HOLD_SECONDS more, once; the reservation as it is then.

    Again: nothing changes. One round trip, whatever the number of seats.

    :raises NotFound: if it isn't the fan's
    :raises HoldExpired: if there is nothing to extend
    """
    longer = float(settings.HOLD_SECONDS)
    row = fetch_one(EXTEND, {"fan": user_id, "reservation": reservation_id, "hold_seconds": longer, "now": now})
    match row["refusal"]:
        case "not_found":
            raise NotFound
        case "hold_expired":
            raise HoldExpired
    if row["status"] == ReservationStatus.RESERVED:
        # Paid after it was extended: its payment belongs to the picture.
        return bookings.own(reservation_id, user_id=user_id, now=now)
    return bookings.reservation_in(row, user_id=user_id)


def release_hold(*, reservation_id: int, user_id: int | None = None, now: datetime | None = None) -> bool:
    """Give a held seat back, by its fan or (without `user_id`) by staff; return whether it was held.

    A hold that has lapsed is given back all the same. One round trip.

    :raises NotFound: if there is no such reservation, or it isn't the fan's
    """
    row = fetch_one(RELEASE, {"reservation": reservation_id, "fan": user_id, "now": now})
    if row["was"] is None:
        raise NotFound
    return bool(row["was"] == ReservationStatus.RESERVING)


def release_booking(*, reference: str, user_id: int, now: datetime | None = None) -> int:
    """Give back all that a fan still holds of a booking, in one go; return how many seats. What is paid stays.

    :raises NotFound: if the fan has no such booking
    """
    row = fetch_one(RELEASE_BOOKING, {"fan": user_id, "reference": reference, "now": now})
    if row["released"] is None:
        raise NotFound
    return int(row["released"])


def release_lapsed_of(seats: ConcertSeatQuerySet, *, now: datetime | None = None) -> None:
    """Have holds that are over count as free for who is about to change seats that are free."""
    if seats.lapsed(now).exists():
        release_lapsed(now=now)


def release_lapsed(*, now: datetime | None = None, batch: int = RELEASE_BATCH) -> int:
    """Return lapsed holds to sale, oldest first, in batches of one statement each; return how many.

    Nothing depends on it: a lapsed hold counts as free wherever it is looked at. Safe to run twice at once.
    """
    released = 0
    after_at, after_id = "-infinity", 0
    while True:
        answer = fetch_one(
            sql_beside(__file__, "release_lapsed.sql"),
            {"now": now, "batch": batch, "after_at": after_at, "after_id": after_id},
        )
        released += int(answer["freed"])
        metrics.LAPSED_SEATS.add(by=int(answer["freed"]))
        if answer["seen"] < batch:
            return released
        after_at, after_id = answer["after_at"], answer["after_id"]
