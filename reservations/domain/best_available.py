"""Seats that the house chooses: the best that adjoin, and the nearest equal ones in the place of those that are gone.

Each is one round trip, as a hold of seats chosen by hand is: a function chooses and locks them (pick_*.sql), and in the
same statement hold_seats.sql, where all rules of holding are, holds them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Unpack

from django.utils.translation import gettext, ngettext

from concert_site.lib.database.statements import Row, fetch_one
from concert_site.lib.errors import DomainError
from queueing.domain.errors import SoldOut
from reservations.domain import holds
from reservations.domain.errors import CategoryUnknown, SeatUnavailable, SectionUnknown
from reservations.domain.holds import Booking, HoldContext, Substitute
from reservations.models import ConcertSeat

# How often a fan looks again who found only stretches in which others are choosing: about a second in all.
ROUNDS = 60
# A join's condition would not keep hold_seats from being called: it does nothing where no seats were chosen.
HELD = """
left join lateral hold_seats(
    %(fan)s::bigint, %(schedule)s::bigint, pick.seats, %(token)s::uuid, %(booking)s::text, %(key)s::text,
    %(hash)s::text, %(hold_seconds)s::float8, %(active_seconds)s::float8, %(free)s::int, %(wait_seconds)s::float8,
    %(now)s::timestamptz) held
"""
HOLD_BEST = (
    """
select pick.refusal as pick_refusal, pick.largest, held.*
  from pick_best_available(
    %(fan)s::bigint, %(schedule)s::bigint, %(token)s::uuid, %(key)s::text, %(quantity)s::int, %(section)s::text,
    %(category)s::text, %(accessible)s::boolean, %(active_seconds)s::float8, %(rounds)s::int, %(now)s::timestamptz) pick
"""
    + HELD
    + "on true"
)
HOLD_OR_SUBSTITUTE = (
    """
select pick.gone as replaced, pick.substitutes, held.*
  from pick_substitutes(
    %(fan)s::bigint, %(schedule)s::bigint, %(seats)s::bigint[], %(token)s::uuid, %(key)s::text,
    %(active_seconds)s::float8, %(now)s::timestamptz) pick
"""
    + HELD
    + "on true"
)
EQUAL_SEATS = """
select case when not exists (select from concert_seat s where s.id = any (%(gone)s::bigint[])
                               and s.user_id = %(fan)s::bigint and s.status <> 'AVAILABLE')
            then nearest_equal_seats(%(schedule)s::bigint, %(kept)s::bigint[], %(gone)s::bigint[],
                                     statement_timestamp()) end as seats
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestAvailable:
    """How many seats side by side, and where: in a section, of a category (the grade), both, or anywhere.

    `accessible`: one of them a place for a wheelchair, the others beside it. Otherwise none is, nor a companion's seat.
    """

    quantity: int
    section: str | None = None
    category: str | None = None
    accessible: bool = False


def hold_best_available(wish: BestAvailable, **context: Unpack[HoldContext]) -> Booking:
    """Hold the best adjoining seats there are for HOLD_SECONDS, or none.

    The same key again answers that booking as it is now. Without a key, each call is a wish of its own.

    :raises SeatUnavailable: if so many don't adjoin, saying how many do
    :raises SoldOut: if all seats of the schedule are paid
    :raises Invalid: if there is no such schedule, section or category
    :raises DomainError: whatever else holds.hold_seats refuses
    """
    rows = holds.held_rows(HOLD_BEST, context, rounds=ROUNDS, **asdict(wish))
    if refusal := rows[0]["pick_refusal"] or rows[0]["refusal"]:
        raise refusal_of(rows[0] | {"refusal": refusal}, wish)
    return holds.booking_from(rows, context)


def refusal_of(row: Row, wish: BestAvailable) -> DomainError:
    """The domain error of a wish that can't be met."""
    match row["refusal"]:
        case "section_unknown":
            return SectionUnknown(attr="best_available.section")
        case "category_unknown":
            return CategoryUnknown(attr="best_available.category")
        case "sold_out":
            return SoldOut()
        case "seat_unavailable" | "seat_unknown":
            return SeatUnavailable(too_few_together(wish, row["largest"] or 0), attr="best_available")
    return holds.refusal_of(row, [])


def too_few_together(wish: BestAvailable, largest: int) -> str:
    """That so many seats can't be had together, and how many can."""
    if largest:
        said = ngettext(
            "%(asked)d seats together can't be had there any more. The most that can be had is %(largest)d seat.",
            "%(asked)d seats together can't be had there any more. The most that can be had is %(largest)d together.",
            largest,
        )
        return said % {"asked": wish.quantity, "largest": largest}
    if wish.accessible:
        return gettext("There is no wheelchair place left there.")
    return gettext("No seat is left there.")


# --- Seats chosen by hand, or the nearest equal ones ---------------------------------------------


def hold_or_substitute(*, seats: Sequence[int], **context: Unpack[HoldContext]) -> Booking:
    """Hold `seats`, or for each that is gone the nearest equally priced one: all of them, or none.

    As holds.hold_seats in everything else. The fan's own seats are never replaced.

    :raises SeatUnavailable: naming the seats that are gone, if there aren't as many equal ones
    :raises DomainError: whatever else holds.hold_seats refuses
    """
    return with_substitutes(holds.hold_seats(seats=seats, statement=HOLD_OR_SUBSTITUTE, **context), seats)


def equal_seats(schedule_id: int, *, kept: Sequence[int], gone: Sequence[int], user_id: int) -> list[int]:
    """What a fan could have in the place of a choice of which `gone` can't be had: all of it, or nothing at all.

    Nothing is held; and there is nothing to offer if one of them is the fan's own.
    """
    params = {"schedule": schedule_id, "kept": list(kept), "gone": list(gone), "fan": user_id}
    found = fetch_one(EQUAL_SEATS, params)["seats"]
    return [*kept, *found] if found else []


def with_substitutes(booking: Booking, asked: Sequence[int]) -> Booking:
    """A booking that says which of its seats are others than those asked for."""
    return replace(booking, substituted=substitutes_in(booking, asked))


def substitutes_in(booking: Booking, asked: Sequence[int]) -> list[Substitute]:
    """Which seats of a booking stand for which of those asked for: of each price in the order of their ids.

    Said by that rule, and not by which was nearest to which, it is the same when the request is repeated.
    """
    held = {row["seat"]: row["price"] for row in booking.rows}
    held |= {each.concert_seat_id: each.price for each in booking.repeated}
    gone = sorted(set(asked) - held.keys())
    if not gone:
        return []
    prices = prices_of(gone, booking, held)
    new: dict[int, list[int]] = defaultdict(list)
    for seat in sorted(held.keys() - set(asked)):
        new[held[seat]].append(seat)
    return [Substitute(seat, new[prices[seat]].pop(0)) for seat in gone if new[prices[seat]]]


def prices_of(gone: Sequence[int], booking: Booking, held: Mapping[int, int]) -> Mapping[int, int]:
    """What the seats that are gone cost: as much as those in their place, which a new booking knows."""
    if booking.rows:
        first = booking.rows[0]
        return {seat: held[by] for seat, by in zip(first["replaced"], first["substitutes"], strict=True)}
    return dict(ConcertSeat.objects.filter(pk__in=gone).values_list("pk", "seat_price"))
