"""The figures of a sale that staff watch: read from the tables, with the line of the last half hour."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from concert_site.lib.database.statements import Row, fetch, sql_beside
from queueing.facts import SaleState, is_drawing, state_by_rule

# The line of a figure: a sample a minute, for half an hour.
MINUTE_SECONDS, MOST_SAMPLES = 60.0, 31
# Without a sample for so long nobody has watched: the line is made anew from what the rows tell.
GAP_SECONDS = 90.0
DRAWN = ("waiting", "inside", "held", "entered", "no_shows", "sold", "revenue")
# What rows don't tell of the past: how many seats were held at a time.
UNTOLD = {"held"}
PACE_MINUTES = 5.0
INSTANTS = ("concert_at", "opens_at", "deadline_at", "drawn_at", "message_until", "read_at")

# When, in seconds since 1970 on PostgreSQL's clock, and each figure of DRAWN then; None where nobody knows.
Sample = tuple[float, dict[str, int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySales:
    """The seats of one category at one price."""

    category: str
    price: int
    sold: int
    held: int
    left: int
    off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFigures:
    """One sale at `read_at`. `..._lately` is what came within the last minute, `sold_in_five` within five.

    `remaining` seats can be had now; `gathered` wait without a number, in the lobby or while numbers are drawn. Money
    is in minor units: what is paid and not refunded. `samples` ends with the present. `counted_at` is when they were
    counted, on this process's time.monotonic(): the clocks of two hosts may differ.
    """

    schedule_id: int
    concert_id: int
    concert_name: str
    time_zone: str | None
    is_public: bool
    is_canceled: bool
    is_sold_out: bool
    concert_at: datetime
    opens_at: datetime
    deadline_at: datetime
    drawn_at: datetime | None
    is_paused: bool
    most_inside: int
    tickets_per_fan: int
    message: str
    message_until: datetime | None
    read_at: datetime
    waiting: int
    gathered: int
    inside: int
    entered: int
    no_shows: int
    joined_lately: int
    admitted_lately: int
    entered_lately: int
    no_shows_lately: int
    sold: int
    held: int
    remaining: int
    off: int
    sold_lately: int
    sold_in_five: int
    categories: Sequence[CategorySales]
    revenue: int
    revenue_lately: int
    samples: Sequence[Sample] = ()
    counted_at: float = 0.0

    @property
    def age(self) -> float:
        """Seconds since they were counted."""
        return max(0.0, time.monotonic() - self.counted_at)

    @property
    def seats(self) -> int:
        """The seats that are for sale: sold, held, or to be had."""
        return self.sold + self.held + self.remaining

    @property
    def state(self) -> SaleState:
        """Where the sale stood then, by `sale_rule`."""
        return state_by_rule(self, self.read_at, is_sold_out=self.is_sold_out)

    @property
    def is_drawing(self) -> bool:
        return is_drawing(self.state, self.drawn_at, has_lobby=self.gathered > 0)

    @property
    def minutes_to_sold_out(self) -> float | None:
        """How long the rest lasts at the pace of the last minutes; None if nothing is sold now, or nothing is left."""
        begun = (self.read_at - self.opens_at).total_seconds() / MINUTE_SECONDS
        minutes = min(PACE_MINUTES, max(begun, 0.5))
        rest = self.seats - self.sold
        return rest / (self.sold_in_five / minutes) if rest and self.sold_in_five else None


def read_figures(schedule_ids: Sequence[int]) -> list[SaleFigures]:
    """The figures of these sales, counted now, without their lines: one query."""
    return [from_row(row) for row in fetch(sql_beside(__file__, "sale_figures.sql"), {"schedules": list(schedule_ids)})]


def from_row(row: Row) -> SaleFigures:
    return SaleFigures(**row | {"categories": [CategorySales(**each) for each in row["categories"]]})


def read_growth(schedule_ids: Sequence[int]) -> dict[int, dict[int, Row]]:
    """By sale and by minutes ago, how much each figure grew in that minute: one query."""
    growth: dict[int, dict[int, Row]] = {schedule_id: {} for schedule_id in schedule_ids}
    for row in fetch(sql_beside(__file__, "sale_history.sql"), {"schedules": list(schedule_ids)}):
        growth[row["schedule_id"]][row["minute"]] = row
    return growth


def now_of(figures: SaleFigures) -> Sample:
    return figures.read_at.timestamp(), {name: getattr(figures, name) for name in DRAWN}


def carried_on(figures: SaleFigures, before: Sequence[Sample]) -> list[Sample] | None:
    """The line that ended with `before`, up to these figures; None if it is too long ago that it ended.

    The last sample is the present and gives way to the next, unless a minute has passed since the one before it.
    """
    at, values = now_of(figures)
    if not before or not 0 <= at - before[-1][0] <= GAP_SECONDS:
        return None
    kept = [*before]
    if len(kept) > 1 and kept[-1][0] - kept[-2][0] < MINUTE_SECONDS:
        kept.pop()
    return [*kept, (at, values)][-MOST_SAMPLES:]


def told_by_rows(figures: SaleFigures, growth: dict[int, Row]) -> list[Sample]:
    """The line of a sale that nobody has watched: from the present back, minute by minute."""
    at, values = now_of(figures)
    samples: list[Sample] = [(at, {**values})]
    for minute in range(MOST_SAMPLES - 1):
        grown = growth.get(minute, {})
        values = {
            name: None if name in UNTOLD or value is None else max(0, value - grown.get(name, 0))
            for name, value in values.items()
        }
        samples.append((at - MINUTE_SECONDS * (minute + 1), values))
    return samples[::-1]


def as_kept(figures: SaleFigures) -> dict[str, Any]:  # Any: values of many types
    """The figures as JSON keeps them; `from_kept` is the way back."""
    kept = {name: getattr(figures, name) for name in SaleFigures.__slots__ if name != "counted_at"}
    kept["categories"] = [asdict(each) for each in figures.categories]
    return kept | {name: kept[name] and kept[name].isoformat() for name in INSTANTS}


def from_kept(kept: dict[str, Any]) -> SaleFigures:  # Any: as above
    told = {name: kept[name] and datetime.fromisoformat(kept[name]) for name in INSTANTS}
    samples = [(at, values) for at, values in kept["samples"]]
    return from_row(kept | told | {"samples": samples})
