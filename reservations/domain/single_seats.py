"""Choices by hand that would leave a single seat alone: who would want it? SINGLE_SEATS says what comes of them.

`advise`: the pages tell the fan, and go on if that is what they want. `demand`: they are refused, everywhere. `off`:
nobody looks. A choice that can't but leave a seat alone is always fine. The rule is in lonely_seats.sql.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict
from concert_site.lib.id_lists import require_distinct
from reservations.domain import best_available, holds
from reservations.domain.holds import Booking

ADVISE, DEMAND, OFF = "advise", "demand", "off"
SEATS = "%(seats)s::bigint[]"
# Of a choice that is told nothing is held.
JUDGED = """
select judged.lonely, judged.instead, held.*
  from lonely_seats(%(fan)s::bigint, %(schedule)s::bigint, {seats}, %(key)s::text, %(now)s::timestamptz) judged
  left join lateral ({hold}) held on true
"""


class SingleSeatLeft(Conflict):
    """The choice would leave seats alone; ids of those, and of as many seats that could be had instead."""

    code = "single_seat_left"
    detail = _("This choice would leave a single seat alone. Choose the seat beside it, or move by one.")

    def __init__(self, lonely: Sequence[int] = (), instead: Sequence[int] = ()) -> None:
        super().__init__(attr="seats")
        self.lonely = list(lonely)
        self.instead = list(instead)


def hold_unless_lonely(
    *,
    user_id: int,
    schedule: int,
    seats: Sequence[int],
    queue_token: UUID | None,
    idempotency_key: str | None = None,
    request_hash: str | None = None,
    substitutes: bool = False,
    now: datetime | None = None,
) -> Booking:
    """Hold `seats` as holds.hold_seats does, or as best_available.hold_or_substitute if `substitutes`; one round trip.

    :raises SingleSeatLeft: if that would leave a seat alone that another choice wouldn't
    :raises DomainError: whatever holding refuses
    """
    require_distinct(seats, attr="seats", none=_("Choose a seat."), twice=_("This seat is listed twice."))
    params = holds.hold_params(
        user_id=user_id,
        schedule=schedule,
        queue_token=queue_token,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        now=now,
    )
    hold = best_available.HOLD_OR_SUBSTITUTE if substitutes else holds.HOLD
    if_fine = hold.replace(SEATS, f"case when judged.lonely is null then {SEATS} end")
    rows = holds.held_rows(JUDGED.format(seats=SEATS, hold=if_fine), params | {"seats": list(seats)})
    if rows[0]["lonely"] is not None:
        raise SingleSeatLeft(rows[0]["lonely"], rows[0]["instead"] or ())
    booking = holds.booking_from(rows, user_id=user_id, schedule_id=schedule, seats=seats, now=now)
    return best_available.with_substitutes(booking, seats) if substitutes else booking


def hold_by_rule(*, substitutes: bool = False, **wish: Any) -> Booking:  # Any: as hold_seats declares them
    """Hold seats chosen by hand as the house has it for those who can't be asked: refused only if it demands.

    :raises DomainError: as above
    """
    if settings.SINGLE_SEATS == DEMAND:
        return hold_unless_lonely(substitutes=substitutes, **wish)
    return (best_available.hold_or_substitute if substitutes else holds.hold_seats)(**wish)
