"""The facts of a sale: all that the waiting room knows of it, handed in by the app that sells."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings


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
class SaleFacts:
    """The facts of one schedule as PostgreSQL told them at `read_at`, asked when time.monotonic() stood at `asked_at`.

    `seed_hash` and, once the numbers are drawn, `seed` are hex. `room` is how many fans inside the seats can serve:
    known to whoever is about to admit some, else None.
    """

    schedule_id: int
    concert_id: int
    is_public: bool
    opens_at: datetime
    deadline_at: datetime
    max_active: int
    is_paused: bool
    message: str
    seats_left: int
    is_sold_out: bool
    drawn_at: datetime | None
    seed_hash: str
    seed: str | None
    read_at: datetime
    asked_at: float
    room: int | None = None

    @property
    def now(self) -> datetime:
        """PostgreSQL's time at this moment."""
        return carried_on(self.read_at, asked_at=self.asked_at)

    @property
    def state(self) -> SaleState:
        """Where the sale stands at this moment."""
        return self.state_at(self.now)

    @property
    def opens_in(self) -> float:
        """Seconds until the sale opens, below zero since it has."""
        return (self.opens_at - self.now).total_seconds()

    def state_at(self, now: datetime) -> SaleState:
        return sale_state(
            is_public=self.is_public,
            opens_at=self.opens_at,
            deadline_at=self.deadline_at,
            is_sold_out=self.is_sold_out,
            now=now,
        )


ReadFacts = Callable[[int], SaleFacts | None]


def sale_rule() -> tuple[tuple[SaleState, str, bool | timedelta], ...]:
    """Where a sale stands: the first whose fact is so, or whose time, less so much, has come; else UPCOMING.

    What is sold out says so before its opening too: there is nothing to wait for. PostgreSQL reads the same table
    (reservations.models.concert.sale_state_at).
    """
    return (
        (SaleState.CLOSED, "deadline_at", timedelta()),
        (SaleState.CLOSED, "is_public", False),
        (SaleState.SOLD_OUT, "is_sold_out", True),
        (SaleState.OPEN, "opens_at", timedelta()),
        (SaleState.LOBBY, "opens_at", timedelta(seconds=settings.LOBBY_SECONDS)),
    )


def sale_state(
    *, is_public: bool, opens_at: datetime, deadline_at: datetime, is_sold_out: bool, now: datetime
) -> SaleState:
    flags = {"is_public": is_public, "is_sold_out": is_sold_out}
    times = {"opens_at": opens_at, "deadline_at": deadline_at}
    for state, fact, so in sale_rule():
        if flags[fact] is so if isinstance(so, bool) else now >= times[fact] - so:
            return state
    return SaleState.UPCOMING


def room_state(facts: SaleFacts, *, has_lobby: bool) -> RoomState:
    """Where the waiting room stands; `has_lobby` says whether somebody waits for the draw."""
    state = facts.state
    if state is not SaleState.OPEN:
        return RoomState(state)
    if facts.drawn_at is None and has_lobby:
        return RoomState.DRAWING
    return RoomState.PAUSED if facts.is_paused else RoomState.OPEN


def lobby_before(opening: datetime) -> datetime:
    """When fans may begin to gather for a sale that opens then."""
    return opening - timedelta(seconds=settings.LOBBY_SECONDS)


def carried_on(read_at: datetime, *, asked_at: float) -> datetime:
    """PostgreSQL's time, carried on by this process: its own clock may be wrong, its ticking is not."""
    return read_at + timedelta(seconds=time.monotonic() - asked_at)
