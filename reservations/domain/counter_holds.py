"""Holding seats for whom staff serve: a step of selling at the counter (payments/domain/counter.py)."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from concert_site.lib.database.statements import fetch
from reservations.domain import holds

HOLD = """
select * from hold_at_counter(
    %(fan)s::bigint, %(schedule)s::bigint, %(seats)s::bigint[], %(named)s::boolean, %(complimentary)s::boolean,
    %(booking)s::text, %(hold_seconds)s::float8, coalesce(%(now)s::timestamptz, statement_timestamp()))
"""


def hold_at_counter(
    *,
    fan_id: int,
    schedule_id: int,
    seat_ids: Sequence[int],
    asked: Sequence[int],
    booking: str,
    is_free: bool,
    from_named_holds: bool,
    now: datetime | None,
) -> list[int]:
    """Hold all of these seats for a fan, or none: a step of the caller's transaction. The reservations, in order.

    :param asked: all seats of the order, by whose places the seats at fault are named
    :raises SaleClosed: once the show has begun, or if its concert isn't published
    :raises TicketLimitExceeded, SeatUnavailable, SeatUnknown, ScheduleUnknown: as holds.hold_seats
    """
    rows = fetch(
        HOLD,
        {
            "fan": fan_id,
            "schedule": schedule_id,
            "seats": list(seat_ids),
            "named": from_named_holds,
            "complimentary": is_free,
            "booking": booking,
            "hold_seconds": float(settings.HOLD_SECONDS),
            "now": now,
        },
    )
    if rows[0]["refusal"] is not None:
        raise holds.refusal_of(rows[0], asked)
    return [row["reservation"] for row in rows]
