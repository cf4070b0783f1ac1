"""All that the page of choosing seats shows one fan."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from queueing.facts import TokenView, whole_steps
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries.availability import FREE, HELD, availability_of
from reservations.queries.bookings import live_of_schedule
from reservations.queries.sales import Sale
from reservations.queries.seat_map import CategoryPrices, MapSection, Row, Seat, SeatMap, seat_map_of

MOST_TOGETHER = 10


@dataclass(frozen=True, slots=True)
class SeatOption:
    """A seat in the list of its row: whether it can be had, is the fan's own already, or was chosen before."""

    seat: Seat
    is_free: bool
    is_own: bool
    is_chosen: bool


@dataclass(frozen=True)
class SeatChoice:
    """The hall as one fan may choose from it, and what they have of it: all sections, or the rows of one.

    `seconds_left` is what is left of the fan's time, `codes` the live states of all seats, `kept` what a refused choice
    left over. A long section comes in portions, counted from 1. `returns_in`: in how many seconds the next seat that is
    held may come back.
    """

    seconds_left: int
    seat_map: SeatMap
    codes: str
    owned: Sequence[Reservation]
    limit: int
    kept: Sequence[int]
    section: MapSection | None
    portion: int
    returns_in: int | None = None

    @property
    def has_nothing_free(self) -> bool:
        """Whether not one seat of the hall can be had now."""
        return bool(self.codes) and FREE not in self.codes

    @property
    def has_something_free(self) -> bool:
        return not self.has_nothing_free

    @property
    def seats_held(self) -> int:
        """How many seats are in checkouts."""
        return self.codes.count(HELD)

    @property
    def held(self) -> list[Reservation]:
        return [each for each in self.owned if each.status == ReservationStatus.RESERVING]

    @cached_property
    def own_seats(self) -> list[int]:
        """The ids of the seats that the fan has, held or paid."""
        return [each.concert_seat_id for each in self.owned]

    @property
    def may_choose(self) -> int:
        """How many more seats the fan may have."""
        return max(0, self.limit - len(self.owned))

    @cached_property
    def sections(self) -> list[tuple[MapSection, int]]:
        """All sections, each with how many of its seats can be had."""
        return [(section, section.seats_left(self.codes)) for section in self.seat_map.sections.values()]

    @property
    def open_sections(self) -> list[tuple[MapSection, int]]:
        return [(section, left) for section, left in self.sections if left]

    @property
    def full_sections(self) -> list[MapSection]:
        return [section for section, left in self.sections if not left]

    @property
    def categories(self) -> list[tuple[CategoryPrices, int]]:
        """The categories, each with how many of its seats can be had."""
        return [(category, category.seats_left(self.codes)) for category in self.seat_map.categories]

    @property
    def accessible_left(self) -> int | None:
        """How many wheelchair places can be had; None if the hall has none."""
        places = self.seat_map.accessible
        return sum(seat.is_free(self.codes) for seat in places) if places else None

    @property
    def grades(self) -> list[tuple[CategoryPrices, int]]:
        """The categories of which something can be had, each with how many seats; of this section, if one is shown."""
        seats = self.section.seats if self.section else self.seat_map.seats.values()
        left = Counter(seat.category for seat in seats if seat.is_free(self.codes) and not seat.accessible)
        return [(grade, left[grade.name]) for grade in self.seat_map.categories if left[grade.name]]

    @property
    def quantities(self) -> range:
        """How many seats the fan may ask for together; of a generous house only the first ten."""
        return range(1, min(self.may_choose, MOST_TOGETHER) + 1)

    @property
    def portions(self) -> list[tuple[int, str, str]]:
        """The portions of the section, each with its first and last row; none where all of it is one."""
        found = self.section.portions if self.section else []
        return [(nth, rows[0].name, rows[-1].name) for nth, rows in enumerate(found, 1)] if len(found) > 1 else []

    @property
    def rows(self) -> list[tuple[Row, list[SeatOption]]]:
        shown = self.section.portions[self.portion - 1] if self.section else []
        return [(row, [self.option(seat) for seat in row.seats]) for row in shown]

    def option(self, seat: Seat) -> SeatOption:
        is_free = seat.is_free(self.codes)
        return SeatOption(seat, is_free, is_own=seat.id in self.own_seats, is_chosen=is_free and seat.id in self.kept)


@dataclass(frozen=True, slots=True)
class SeatAdvice:
    """What is said of a choice that was not held: seats that it would leave alone, and what could be had instead."""

    chosen: Sequence[Seat]
    instead: Sequence[Seat]
    lonely: Sequence[Seat]
    may_go_on: bool

    @property
    def instead_total(self) -> int:
        """What the seats that could be had cost together."""
        return sum(seat.seat_price for seat in self.instead)


def seat_advice(
    sale: Sale, *, chosen: Sequence[int], instead: Sequence[int], lonely: Sequence[int], may_go_on: bool
) -> SeatAdvice | None:
    """The advice of these ids; None where there is none. Seats that don't exist are left out."""
    if not instead and not lonely:
        return None
    known = seat_map_of(sale).seats
    there, others, alone = ([known[seat] for seat in seats if seat in known] for seats in (chosen, instead, lonely))
    return SeatAdvice(there, others, alone, may_go_on=may_go_on)


def seat_choice(
    sale: Sale, token: TokenView, *, user_id: int, now: datetime, section: str, portion: int, kept: Sequence[int]
) -> SeatChoice:
    """What a fan who is inside may choose from: one query beside what is remembered for everybody.

    A section or seat that doesn't exist counts as none, a portion beyond the last as the last. `now` is when the page
    was asked for, before the fan came in.
    """
    assert token.expired_at is not None  # noqa: S101  an ACTIVE token has its time, says a constraint
    seat_map = seat_map_of(sale)
    live = availability_of(sale.schedule_id)
    shown = seat_map.sections.get(section)
    return SeatChoice(
        # Rounded down: nobody is promised a second that they don't have.
        seconds_left=max(1, int((token.expired_at - now).total_seconds())),
        seat_map=seat_map,
        section=shown,
        portion=min(portion, len(shown.portions)) if shown else 1,
        kept=[seat for seat in kept if seat in seat_map.seats],
        limit=sale.tickets_per_fan,
        codes=live.seats,
        owned=list(live_of_schedule(sale.schedule_id, user_id=user_id)),
        returns_in=None if live.next_lapse is None else whole_steps(live.next_lapse - now.timestamp()),
    )
