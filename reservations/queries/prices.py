"""What seats cost on many dates, and what another price would change: for staff, before they say yes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reservations.models import ConcertSchedule, ConcertSeat
from reservations.models.concert import IS_TO_COME
from reservations.queries.staff import STATES, count_aggregates

# More columns are read by nobody.
MOST_DATES = 200


@dataclass(frozen=True, slots=True)
class CategoryAcrossDates:
    """A category over several dates: the lowest and the highest of its prices, and how many seats it has."""

    name: str
    lowest: int
    highest: int
    seats: int


@dataclass(frozen=True, slots=True)
class PriceChange:
    """What a price would do to a category of some dates: seats that change, that cost it already, that stay."""

    category: str
    price: int
    changed: int = 0
    same: int = 0
    held: int = 0
    sold: int = 0


class PricedSeats(NamedTuple):
    """Seats of one date, category and price: how many are free (off sale too), held, sold."""

    schedule_id: int
    category: str
    price: int
    free: int
    held: int
    sold: int


def dates_with_seats(concert_id: int) -> list[ConcertSchedule]:
    """The dates of a concert that are still to come and have seats, by time."""
    dates = ConcertSchedule.objects.filter(IS_TO_COME, concert=concert_id).exclude(layout={})
    rows = dates.select_related("concert__venue").defer("layout", "draw_seed").order_by("concert_at", "pk")
    return list(rows[:MOST_DATES])


def groups_of(schedule_ids: Sequence[int]) -> list[PricedSeats]:
    """The seats of dates by date, category and price: one query."""
    rows = ConcertSeat.objects.filter(concert_schedule__in=schedule_ids).order_by()
    counted = rows.values("concert_schedule_id", "category", "seat_price").annotate(**count_aggregates())
    return [
        PricedSeats(date, category, price, left + off, held, sold)
        for date, category, price, left, held, sold, off in counted.values_list(
            "concert_schedule_id", "category", "seat_price", *STATES
        )
    ]


def categories_across_dates(groups: Sequence[PricedSeats]) -> list[CategoryAcrossDates]:
    """The categories of such groups, dearest first."""
    found: dict[str, CategoryAcrossDates] = {}
    for row in groups:
        known = found.get(row.category) or CategoryAcrossDates(row.category, row.price, row.price, 0)
        found[row.category] = CategoryAcrossDates(
            row.category,
            min(known.lowest, row.price),
            max(known.highest, row.price),
            known.seats + row.free + row.held + row.sold,
        )
    return sorted(found.values(), key=lambda each: (-each.highest, each.name))


def changes_of(groups: Sequence[PricedSeats], prices: Mapping[str, int]) -> list[PriceChange]:
    """What these prices would do, a category each."""
    found = {name: PriceChange(name, price) for name, price in prices.items()}
    for row in groups:
        known = found.get(row.category)
        if known is None:
            continue
        if row.price == known.price:
            found[row.category] = replace(known, same=known.same + row.free + row.held + row.sold)
        else:
            found[row.category] = replace(
                known, changed=known.changed + row.free, held=known.held + row.held, sold=known.sold + row.sold
            )
    return list(found.values())
