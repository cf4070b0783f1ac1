"""The waiting page's value: what it shows to one fan of their place, and when it must be asked for anew."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from queueing.facts import OVERDUE_SECONDS, QueueSnapshot, RoomState, TokenView
from queueing.models import ExpiredReason, TokenStatus
from queueing.pace import PAGE_SPREAD_MOST, minutes_of_wait, most_ahead, poll_after
from queueing.verification import entry_of

# Where the waiting is over for everybody.
ENDED = {RoomState.SOLD_OUT, RoomState.CLOSED}
# Why a visit ended that was still a wait by then.
IN_VAIN = {ExpiredReason.SOLD_OUT, ExpiredReason.SALE_CLOSED}
BEFORE_THE_OPENING = {RoomState.UPCOMING, RoomState.LOBBY}
# A moment further away is better told by its date, and nobody waits for it before a page.
A_DAY = 86_400
# A page that is asked for whole, without JavaScript, leaves time to read it and to press its buttons.
WHOLE_PAGE_SECONDS, SLOWEST_PAGE_SECONDS = 5, 30
# Who is as near as this should come back to the page.
NEAR_AHEAD, NEAR_MINUTES = 20, 1
# How many may be ahead for the same sentences.
AHEAD_ALIKE = ((0, 0), (1, 1), (2, NEAR_AHEAD), (NEAR_AHEAD + 1, 10**18))
# How often to ask where nobody has a number to go by.
DRAWING_SECONDS, OUTSIDE_SECONDS = 3, 10


@dataclass(frozen=True, kw_only=True)
class WaitingPage:
    """One fan's place in a waiting room, with the token that they have there, if any.

    All of it is of one moment, `now` by PostgreSQL's clock. `panel` is the part that the page shows, `number` the fan's
    while they wait with one, `ahead` how many are ahead at most, `minutes` how long that will take, if it is known.
    `has_something_free`: a seat can be had now, or none is on sale at all; else one may be in `returns_in` seconds.
    """

    snapshot: QueueSnapshot
    token: TokenView | None
    now: datetime
    state: RoomState
    lobby_at: datetime
    is_stalled: bool
    is_draw_overdue: bool
    has_something_free: bool
    returns_in: int | None
    panel: str
    number: int | None
    ahead: int
    minutes: int | None
    poll_after: float

    @property
    def template(self) -> str:
        """What is shown inside the place: each panel has a template of its name."""
        return f"queueing/_partials/{self.panel}.html"

    # --- A place in line ---------------------------------------------------------------------------

    @property
    def last_before(self) -> int:
        """The last number before the fan's: as many are ahead at most as are still to be served up to it."""
        return (self.number or 1) - 1

    @property
    def about_ahead(self) -> int:
        """`ahead` rounded up to half of its leading digit's step: what is worth saying aloud changes seldom."""
        return rounded_up(self.ahead)

    @property
    def is_near(self) -> bool:
        """Whether the fan should come back to the page."""
        return self.ahead <= NEAR_AHEAD or (self.minutes is not None and self.minutes <= NEAR_MINUTES)

    @property
    def has_too_few_seats(self) -> bool:
        """Whether seats may be gone by then: each of those ahead takes one at least, and some inside are choosing."""
        return self.snapshot.facts.seats_left <= self.ahead + 1

    # --- The draw ----------------------------------------------------------------------------------

    @property
    def seed(self) -> str | None:
        """The seed to check the number by, for who was in the draw; None for who came after the opening."""
        facts = self.snapshot.facts
        is_drawn = self.token is not None and self.number is not None and self.token.created_at < facts.opens_at
        return facts.seed if is_drawn else None

    @property
    def entry(self) -> str | None:
        """The fan's entry in the draw."""
        return entry_of(self.token.token) if self.token is not None else None

    # --- The room ----------------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether nobody is let in for now."""
        return self.state == RoomState.PAUSED

    @property
    def waiting(self) -> int:
        """How many wait: with this fan at least, who may have come after they were counted."""
        return max(self.snapshot.line.waiting, self.least_waiting)

    @property
    def least_waiting(self) -> int:
        return 1 if self.token is not None and self.token.status == TokenStatus.WAITING else 0

    @property
    def has_waited_in_vain(self) -> bool:
        """Whether the sale ended before this fan's turn: not for who was inside, has booked or had left."""
        return self.token is not None and (
            self.token.status == TokenStatus.WAITING or self.token.expired_reason in IN_VAIN
        )

    # --- What the clock brings ---------------------------------------------------------------------

    @property
    def has_lobby(self) -> bool:
        """Whether fans gather before the opening."""
        return self.lobby_at < self.snapshot.facts.opens_at

    @property
    def opens_in(self) -> int | None:
        """Seconds until the sale opens; None once it has, and while that is more than a day away."""
        return self._seconds_until(self.snapshot.facts.opens_at)

    @property
    def lobby_in(self) -> int | None:
        return self._seconds_until(self.lobby_at)

    @property
    def late_in(self) -> int | None:
        """Seconds until the draw is overdue, for who waits for it; spread, for a whole lobby waits for that."""
        if self.panel not in {"lobby", "drawing"} or self.is_draw_overdue:
            return None
        seconds = self._seconds_until(self.snapshot.facts.opens_at + timedelta(seconds=OVERDUE_SECONDS))
        return None if seconds is None else seconds + round(random.uniform(0, PAGE_SPREAD_MOST))

    @property
    def changes_in(self) -> int | None:
        """Seconds until the next thing that the clock alone brings about, if it is worth waiting for."""
        if self.panel == "upcoming":
            return self.lobby_in
        return self.opens_in if self.state in BEFORE_THE_OPENING else None

    @property
    def is_live(self) -> bool:
        """Whether anything is going to change that the page should find out by itself."""
        if self.panel == "upcoming":
            return self.changes_in is not None
        return self.panel not in {"ended", "over"}

    @property
    def refresh_after(self) -> int | None:
        """Seconds after which a browser without JavaScript asks again; None if it need not."""
        if not self.is_live or self.panel == "join":
            return None
        seconds = self.poll_after if self.changes_in is None else min(SLOWEST_PAGE_SECONDS, self.changes_in)
        if self.panel == "lobby" and self.changes_in is None:
            seconds = SLOWEST_PAGE_SECONDS
        return max(WHOLE_PAGE_SECONDS, ceil(seconds))

    # --- What the page's script goes by (static/js/waiting_progress.js) ------------------------------

    @property
    def is_due(self) -> bool:
        """Whether the public progress can't tell when this changes: a number has been drawn, or is about to be."""
        return self.panel == "drawing" and self.state != RoomState.DRAWING

    @property
    def spreads(self) -> bool:
        """Whether a crowd sees the same moment end that this page waits for."""
        return self.state in {*BEFORE_THE_OPENING, RoomState.DRAWING}

    @property
    def same(self) -> str:
        """What of the progress must stay as it is for the place to be right but for its numbers, as JSON."""
        facts = self.snapshot.facts
        return json.dumps({"state": self.state, "message": facts.message, "seed": facts.seed})

    @property
    def within(self) -> str:
        """Between which values its numbers must stay, bounds included, for the same sentences to be right, as JSON.

        Null in place of bounds means a number that isn't known. Beyond them the place is asked for anew: that is so,
        too, once the number itself is served.
        """
        if self.number is None:
            return "{}"
        before, minutes = self.number - 1, self.minutes
        # Nobody ahead, one, a few, or many.
        least, most = next(bounds for bounds in AHEAD_ALIKE if self.ahead <= bounds[1])
        within = {
            "serving": [max(0, before - most), before - least],
            "minutes": None if minutes is None else [0, NEAR_MINUTES] if minutes <= NEAR_MINUTES else [2, None],
            "reach": [None, self.number] if self.has_too_few_seats else [self.number + 1, None],
        }
        return json.dumps(within)

    @property
    def about(self) -> str:
        """`about_ahead` from now on, as JSON: from which number served on it is how much."""
        steps: list[list[int]] = []
        ahead: int | None = self.ahead
        while ahead is not None and self.number is not None:
            steps.append([self.number - 1 - ahead, rounded_up(ahead)])
            ahead = next_below(ahead)
        return json.dumps(steps)

    def _seconds_until(self, moment: datetime) -> int | None:
        seconds = ceil((moment - self.now).total_seconds())
        return seconds if 0 < seconds <= A_DAY else None


def waiting_page(snapshot: QueueSnapshot, token: TokenView | None) -> WaitingPage:
    """The page as it is at this moment: the snapshot is asked once, for it tells the time by the clock."""
    facts, state = snapshot.facts, snapshot.state
    panel = panel_of(state, token)
    number = token.number if token is not None and panel == "line" else None
    now, lobby_at, speed = facts.now, facts.lobby_at, snapshot.numbers_per_minute
    is_stalled, is_draw_overdue = snapshot.is_stalled, snapshot.is_draw_overdue
    has_something_free, returns_in = not facts.has_nothing_free, facts.returns_in
    ahead = most_ahead(number or 0, snapshot.line)
    if number is None:
        poll_seconds: float = DRAWING_SECONDS if panel == "drawing" else OUTSIDE_SECONDS
    else:
        poll_seconds = poll_after(ahead)
    return WaitingPage(
        snapshot=snapshot,
        token=token,
        now=now,
        state=state,
        lobby_at=lobby_at,
        is_stalled=is_stalled,
        is_draw_overdue=is_draw_overdue,
        has_something_free=has_something_free,
        returns_in=returns_in,
        panel=panel,
        number=number,
        ahead=ahead,
        minutes=minutes_of_wait(ahead, speed),
        poll_after=poll_seconds,
    )


def panel_of(state: RoomState, token: TokenView | None) -> str:
    """Which part the page shows to whom."""
    if state in ENDED:
        return "ended"
    if token is not None and token.status == TokenStatus.WAITING:
        if token.number is not None:
            return "line"
        return "lobby" if state in BEFORE_THE_OPENING else "drawing"
    if state == RoomState.UPCOMING:
        return "upcoming"
    if token is not None and token.status == TokenStatus.EXPIRED:
        return "over"
    return "invite" if state == RoomState.LOBBY else "join"


def step_of(ahead: int) -> int:
    """What is worth saying aloud of so many people: half of the leading digit's step."""
    return max(1, int(10 ** (len(str(ahead)) - 1)) // 2)


def rounded_up(ahead: int) -> int:
    """So many people, as they are said aloud."""
    return ceil(ahead / step_of(ahead)) * step_of(ahead)


def next_below(ahead: int) -> int | None:
    """The next fewer people that may be said otherwise; None where nobody is left."""
    return max(rounded_up(ahead) - step_of(ahead), int(10 ** (len(str(ahead)) - 1)) - 1) if ahead else None
