"""What is known of a waiting room, as frozen values: the facts of its sale, its line, its draw, a fan's token.

The facts are handed in by the app that sells. Where sale and room stand is told from them by the clock, so that an
opening needs nobody to announce it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings

# How old a snapshot may be. Admission takes one every second; should nobody, whoever reads it does.
OLD_SECONDS = 1.5
# When a line is said to stand still. A tick comes each second; after LATE without one whoever looks does its work, and
# after STALLED without anybody doing it fans are told and the alert fires: no wait can be promised. Staff's first page
# asks the tables, which answer without Redis too: after IDLE in which nobody came in or went out though there is room
# (reservations/queries/onsales.sql), be ticks at work or not. So staff hear of it before the fans do.
LATE_SECONDS, STALLED_SECONDS, IDLE_SECONDS = 5.0, 15.0, 10.0
# A draw of a million takes half a minute; after so long staff and fans are told.
OVERDUE_SECONDS = 90
# Whoever looks draws as well: so many at most, after so long.
MOST_DRAWN_HERE, DRAW_LATE_SECONDS = 2000, 10.0
# In which steps it is told when the next held seat may come back.
RETURN_STEP_SECONDS = 5


class SaleState(StrEnum):
    """Where the sale of a schedule stands. In the LOBBY fans may already wait for the opening."""

    UPCOMING = "UPCOMING"
    LOBBY = "LOBBY"
    OPEN = "OPEN"
    SOLD_OUT = "SOLD_OUT"
    CLOSED = "CLOSED"


class RoomState(StrEnum):
    """Where its waiting room stands: as the sale does, but for what holds up an open one."""

    UPCOMING = "UPCOMING"
    LOBBY = "LOBBY"
    DRAWING = "DRAWING"
    OPEN = "OPEN"
    PAUSED = "PAUSED"
    SOLD_OUT = "SOLD_OUT"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleTerms:
    """How one schedule is sold, as PostgreSQL told it at `read_at`, asked when time.monotonic() stood at `asked_at`.

    `seed_hash` and, once the numbers are drawn, `seed` are hex.
    """

    schedule_id: int
    concert_id: int
    is_public: bool
    opens_at: datetime
    deadline_at: datetime
    max_active: int
    is_paused: bool
    message: str
    drawn_at: datetime | None
    seed_hash: str
    seed: str | None
    read_at: datetime
    asked_at: float
    # The venue's, a name of the IANA's list; None is the house's own. Who joins is told no time, and has None too.
    time_zone: str | None = None
    is_canceled: bool = False

    @property
    def now(self) -> datetime:
        """PostgreSQL's time at this moment, carried on by this process: its clock may be wrong, its ticking is not."""
        return self.read_at + timedelta(seconds=time.monotonic() - self.asked_at)

    @property
    def lobby_at(self) -> datetime:
        """When the lobby opens; the opening itself where there is to be none."""
        return lobby_before(self.opens_at)

    def sale_state_at(self, now: datetime, *, is_sold_out: bool) -> SaleState:
        """Where the sale stands then, by `sale_rule`."""
        return state_by_rule(self, now, is_sold_out=is_sold_out)

    def is_open_at(self, now: datetime) -> bool:
        """Whether who is inside may choose seats at `now`, be there any left or not."""
        return self.sale_state_at(now, is_sold_out=False) is SaleState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFacts(SaleTerms):
    """All that the waiting room knows of a sale: its terms, and what is left of its seats.

    `room` is how many fans inside the seats can serve: known to whoever is about to admit some, else None. `seats_held`
    are in checkouts, and the first of them comes back at `next_lapse`, if it isn't paid: seconds since 1970 by
    PostgreSQL's clock.
    """

    seats_left: int
    is_sold_out: bool
    seats_held: int = 0
    next_lapse: float | None = None
    room: int | None = None

    @property
    def state(self) -> SaleState:
        """Where the sale stands at this moment."""
        return self.state_at(self.now)

    @property
    def opens_in(self) -> float:
        """Seconds until the sale opens, below zero since it has."""
        return (self.opens_at - self.now).total_seconds()

    @property
    def returns_in(self) -> int | None:
        """Seconds until the first held seat comes back, if it does; None where none is held, or some are free.

        In steps, so that the answer to everybody's question stays the same meanwhile; and never too many.
        """
        if self.next_lapse is None or not self.has_nothing_free:
            return None
        return whole_steps(self.next_lapse - self.now.timestamp())

    @property
    def has_nothing_free(self) -> bool:
        """See `has_nothing_free`."""
        return has_nothing_free(self.state, self.seats_left)

    def state_at(self, now: datetime) -> SaleState:
        return self.sale_state_at(now, is_sold_out=self.is_sold_out)


def whole_steps(seconds: float) -> int:
    """So many seconds, or a few less, as a sentence says them that is looked at now and then."""
    return max(0, int(seconds // RETURN_STEP_SECONDS) * RETURN_STEP_SECONDS)


ReadFacts = Callable[[int], SaleFacts | None]


def sale_rule() -> tuple[tuple[SaleState, str, bool | timedelta], ...]:
    """Where a sale stands: the first whose fact is so, or whose time, less so much, has come; else UPCOMING.

    What is sold out says so before its opening too: there is nothing to wait for. PostgreSQL reads the same table
    (reservations.models.concert.sale_state_at).
    """
    return (
        (SaleState.CLOSED, "deadline_at", timedelta()),
        (SaleState.CLOSED, "is_public", False),
        (SaleState.CLOSED, "is_canceled", True),
        (SaleState.SOLD_OUT, "is_sold_out", True),
        (SaleState.OPEN, "opens_at", timedelta()),
        (SaleState.LOBBY, "opens_at", timedelta(seconds=settings.LOBBY_SECONDS)),
    )


def state_by_rule(sale: object, now: datetime, *, is_sold_out: bool) -> SaleState:
    """Where a sale stands at `now`, by `sale_rule`; its other facts are attributes of `sale`."""
    for state, fact, so in sale_rule():
        found: Any = is_sold_out if fact == "is_sold_out" else getattr(sale, fact)  # Any: a flag or a time
        if found is so if isinstance(so, bool) else now >= found - so:
            return state
    return SaleState.UPCOMING


def has_nothing_free(state: SaleState | None, seats_left: int) -> bool:
    """Whether a sale goes on and no seat can be had now: all are sold, or in somebody's checkout."""
    return state is SaleState.OPEN and not seats_left


def is_drawing(state: SaleState, drawn_at: datetime | None, *, has_lobby: bool) -> bool:
    """Whether numbers are being drawn; `has_lobby` says whether somebody waits for that."""
    return state is SaleState.OPEN and drawn_at is None and has_lobby


def room_state(facts: SaleFacts, *, has_lobby: bool) -> RoomState:
    """Where the waiting room stands; `has_lobby` says whether somebody waits for the draw."""
    state = facts.state
    if is_drawing(state, facts.drawn_at, has_lobby=has_lobby):
        return RoomState.DRAWING
    return RoomState.PAUSED if state is SaleState.OPEN and facts.is_paused else RoomState(state)


def lobby_before(opening: datetime) -> datetime:
    """When fans may begin to gather for a sale that opens then."""
    return opening - timedelta(seconds=settings.LOBBY_SECONDS)


# --- The room ------------------------------------------------------------------------------------

# Where a tick has something to do if anybody waits.
MOVING = {RoomState.OPEN, RoomState.DRAWING, RoomState.SOLD_OUT, RoomState.CLOSED}
# While the room stands there, who is inside can choose seats. What a process knows of the draw may be a second old.
CHOOSING = {RoomState.OPEN, RoomState.SOLD_OUT, RoomState.PAUSED, RoomState.DRAWING}
# What was served when: seconds on the clock of PostgreSQL, which is the same for every host; and the number.
Samples = list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class LineMeasurement:
    """What was measured of the line of a schedule. A fan is at most `number - serving` from the front."""

    serving: int
    last_number: int
    waiting: int
    numbers_per_minute: float | None = None
    # Whether somebody waits without a number, for the draw.
    has_lobby: bool = False
    # When and how the line was last counted, so that it is not walked again too soon. Not a value of its own: a
    # snapshot lies in Redis in these very words, and the release before reads it there.
    counted: int = 0
    counted_at: float = 0.0
    counted_serving: int = 0
    counted_last: int = 0
    count_seconds: float = 0.0
    samples: Samples = field(default_factory=list)

    @property
    def has_anybody(self) -> bool:
        """Whether somebody waits, with a number or for one."""
        return self.has_lobby or self.serving < self.last_number


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """What can be published of a draw beside its seed: how many entries, and the hash of their list."""

    size: int
    entries_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """A waiting room at one moment: the facts of its sale, its line, and what is published of its draw.

    `draw` is None until the draw, and for the moments that its record takes to be made. `ticked_at` is when a tick
    last came, or nobody waited: seconds on PostgreSQL's clock. `moved_at` is the same for whatever does a tick's work.
    """

    facts: SaleFacts
    line: LineMeasurement
    draw: DrawRecord | None = None
    ticked_at: float | None = None
    moved_at: float | None = None

    @property
    def is_old(self) -> bool:
        """Whether another should have been taken by now."""
        return time.monotonic() - self.facts.asked_at > OLD_SECONDS

    @property
    def state(self) -> RoomState:
        """Where the room stands at this moment."""
        return room_state(self.facts, has_lobby=self.line.has_lobby)

    @property
    def numbers_per_minute(self) -> float | None:
        """How fast the line moves; None while it doesn't, and before that was measured."""
        return self.line.numbers_per_minute if self.state is RoomState.OPEN else None

    @property
    def is_for_choosing(self) -> bool:
        """Whether who is inside can choose seats."""
        return self.state in CHOOSING

    @property
    def is_late(self) -> bool:
        """Whether somebody waits, and no tick has come for seconds."""
        return self.state in MOVING and self.line.has_anybody and is_past(self.ticked_at, LATE_SECONDS, self.facts)

    @property
    def is_stalled(self) -> bool:
        """Whether it has been so for long enough to tell the fans, to whom no wait can be promised then."""
        return (
            self.state is RoomState.OPEN
            and self.line.has_anybody
            and is_past(self.moved_at, STALLED_SECONDS, self.facts)
        )

    @property
    def drawing_seconds(self) -> float | None:
        """For how long numbers have been being drawn; None if they aren't."""
        return -self.facts.opens_in if self.state is RoomState.DRAWING else None

    @property
    def is_draw_overdue(self) -> bool:
        """Whether the draw takes longer than that of a million would."""
        seconds = self.drawing_seconds
        return seconds is not None and seconds > OVERDUE_SECONDS

    @property
    def may_be_drawn_here(self) -> bool:
        """Whether the worker, which draws, has had time enough for a draw that anybody can make in a moment."""
        seconds = self.drawing_seconds
        return seconds is not None and seconds > DRAW_LATE_SECONDS and self.line.waiting <= MOST_DRAWN_HERE

    @property
    def needs_a_stand_in(self) -> bool:
        """Whether whoever looks should do a tick's work."""
        return self.is_late or self.may_be_drawn_here


def is_past(moment: float | None, seconds: float, facts: SaleFacts) -> bool:
    """Whether a moment of PostgreSQL's clock is longer ago than so many seconds."""
    return moment is not None and facts.now.timestamp() - moment > seconds


# --- One fan's place in it --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is at the moment of reading: an ACTIVE one whose time is over reads EXPIRED."""

    token: UUID
    schedule_id: int
    status: str
    number: int | None
    created_at: datetime
    entered_at: datetime | None = None
    expired_at: datetime | None = None
    expired_reason: str | None = None
