"""Choices by hand that would leave a single seat alone: who would want it? SINGLE_SEATS says what comes of them.

`advise`: the pages tell the fan, and go on if that is what they want. `demand`: they are refused, everywhere. `off`:
nobody looks. A choice that can't but leave a seat alone is always fine. The rule is in lonely_seats.sql.
"""

from collections.abc import Sequence
from typing import Unpack

from django.conf import settings

from reservations.domain import best_available, holds
from reservations.domain.holds import Booking, HoldContext

ADVISE, DEMAND, OFF = "advise", "demand", "off"
SEATS = "%(seats)s::bigint[]"
# Of a choice that is told nothing is held.
JUDGED = """
select judged.lonely, judged.instead, held.*
  from lonely_seats(%(fan)s::bigint, %(schedule)s::bigint, {seats}, %(key)s::text, %(now)s::timestamptz) judged
  left join lateral ({hold}) held on true
"""


def hold_unless_single_left(
    *, seats: Sequence[int], substitutes: bool = False, **context: Unpack[HoldContext]
) -> Booking:
    """Hold `seats` as holds.hold_seats does, or as best_available.hold_or_substitute if `substitutes`; one round trip.

    :raises SingleSeatLeft: if that would leave a seat alone that another choice wouldn't
    :raises DomainError: whatever holding refuses
    """
    hold = best_available.HOLD_OR_SUBSTITUTE if substitutes else holds.HOLD
    if_fine = hold.replace(SEATS, f"case when judged.lonely is null then {SEATS} end")
    booking = holds.hold_seats(seats=seats, statement=JUDGED.format(seats=SEATS, hold=if_fine), **context)
    return best_available.with_substitutes(booking, seats) if substitutes else booking


def hold_by_rule(*, seats: Sequence[int], substitutes: bool = False, **context: Unpack[HoldContext]) -> Booking:
    """Hold seats chosen by hand as the house has it for those who can't be asked: refused only if it demands.

    :raises DomainError: as above
    """
    if settings.SINGLE_SEATS == DEMAND:
        return hold_unless_single_left(seats=seats, substitutes=substitutes, **context)
    return (best_available.hold_or_substitute if substitutes else holds.hold_seats)(seats=seats, **context)
