"""A place in the waiting room as its fan sees it: which face the page shows, how long it will be, what was drawn."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from queueing.domain import draw
from queueing.domain.pace import estimated_wait, most_ahead, poll_after
from queueing.models import ExpiredReason, Status
from queueing.queries import TokenView
from reservations.domain.public_progress import DRAWING, PAUSED, Progress
from reservations.queries.onsales import OVERDUE_SECONDS
from reservations.queries.sales import SaleState

# Where the waiting is over for everybody.
ENDED = {SaleState.SOLD_OUT, SaleState.CLOSED}
# Why a visit ended that was still a wait by then.
IN_VAIN = {ExpiredReason.SOLD_OUT, ExpiredReason.SALE_CLOSED}
BEFORE_THE_OPENING = {SaleState.UPCOMING, SaleState.LOBBY}
# A moment further away is better told by its date, and nobody waits for it before a page.
A_DAY = 86_400
# A page that is asked for whole, without JavaScript, leaves time to read it and to press its buttons.
WHOLE_PAGE_SECONDS, SLOWEST_PAGE_SECONDS = 5, 30
# Who is as near as this should come back to the page.
NEAR_AHEAD, NEAR_MINUTES = 20, 1
# How often to ask where nobody has a number to go by.
DRAWING_SECONDS, OUTSIDE_SECONDS = 3, 10


class Face(StrEnum):
    """What the page shows; each has a template of this name, reservations/_partials/waiting_<face>.html."""

    ENDED = "ended"
    UPCOMING = "upcoming"
    INVITE = "invite"
    LOBBY = "lobby"
    DRAWING = "drawing"
    LINE = "line"
    JOIN = "join"
    OVER = "over"


def face_of(token: TokenView | None, state: str) -> Face:
    """What a fan with this token sees while the room's state is this."""
    if state in ENDED:
        return Face.ENDED
    if token is not None and token.status == Status.WAITING:
        if token.number is not None:
            return Face.LINE
        return Face.LOBBY if state in BEFORE_THE_OPENING else Face.DRAWING
    if state == SaleState.UPCOMING:
        return Face.UPCOMING
    if token is not None and token.status == Status.EXPIRED:
        return Face.OVER
    return Face.INVITE if state == SaleState.LOBBY else Face.JOIN


@dataclass(frozen=True, slots=True)
class Wait:
    """How long it will be: how many are ahead at most, and the minutes left if they are known."""

    number: int
    ahead: int
    minutes: int | None
    has_too_few_seats: bool

    @property
    def about_ahead(self) -> int:
        """`ahead` rounded up to half of its leading digit's step: what is worth saying aloud changes seldom."""
        step: int = max(1, 10 ** (len(str(self.ahead)) - 1) // 2)
        return ceil(self.ahead / step) * step

    @property
    def is_near(self) -> bool:
        """Whether the fan should come back to the page."""
        return self.ahead <= NEAR_AHEAD or (self.minutes is not None and self.minutes <= NEAR_MINUTES)


def wait_for(number: int, seen: Progress) -> Wait:
    """The wait of who has this number."""
    ahead = most_ahead(number, seen.line)
    speed = seen.line.numbers_per_minute if seen.state == SaleState.OPEN else None
    seconds = estimated_wait(ahead, speed)
    return Wait(
        number=number,
        ahead=ahead,
        minutes=None if seconds is None else ceil(seconds / 60),
        # Each of those ahead takes one at least, and some are inside and choosing.
        has_too_few_seats=seen.seats_left <= ahead + 1,
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """How fans check that their number was drawn: their entry, the seed, and once it is counted the whole list."""

    entry: str
    seed: str
    record: draw.DrawRecord | None


def proof_of(token: TokenView, seen: Progress) -> Proof | None:
    """The proof for who was in the draw; None for who came after the opening, and before the draw."""
    sale = seen.sale
    if sale.seed is None or token.created_at >= sale.reservation_available_at:
        return None
    return Proof(draw.entry_of(token.token), sale.seed, seen.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the page says of one fan's place."""

    seen: Progress
    token: TokenView | None
    face: Face
    wait: Wait | None
    proof: Proof | None

    @property
    def template(self) -> str:
        """What is shown inside the place."""
        return f"reservations/_partials/waiting_{self.face}.html"

    @property
    def is_paused(self) -> bool:
        """Whether nobody is let in for now."""
        return self.seen.state == PAUSED

    @property
    def stands_still(self) -> bool:
        """Whether the line should move and doesn't."""
        return self.seen.stands_still

    @property
    def is_draw_overdue(self) -> bool:
        """Whether numbers should have been drawn by now."""
        return self.seen.is_draw_overdue

    @property
    def late_in(self) -> int | None:
        """Seconds until the draw is overdue, for who waits for it."""
        if self.face not in {Face.LOBBY, Face.DRAWING} or self.is_draw_overdue:
            return None
        due_at = self.seen.sale.reservation_available_at + timedelta(seconds=OVERDUE_SECONDS)
        return self._seconds_until(due_at)

    @property
    def waiting(self) -> int:
        """How many wait: with this fan at least, who may have come after they were counted."""
        is_in = self.token is not None and self.token.status == Status.WAITING
        return max(self.seen.line.waiting, 1 if is_in else 0)

    @property
    def has_waited_in_vain(self) -> bool:
        """Whether the sale ended before this fan's turn: not for who was inside, has booked or had left."""
        return self.token is not None and (self.token.status == Status.WAITING or self.token.expired_reason in IN_VAIN)

    @property
    def has_lobby(self) -> bool:
        """Whether fans gather before the opening."""
        return self.seen.sale.lobby_at < self.seen.sale.reservation_available_at

    @property
    def opens_in(self) -> int | None:
        """Seconds until the sale opens; None once it has, and while that is more than a day away."""
        return self._seconds_until(self.seen.sale.reservation_available_at)

    @property
    def lobby_in(self) -> int | None:
        """The same for the lobby."""
        return self._seconds_until(self.seen.sale.lobby_at)

    @property
    def changes_in(self) -> int | None:
        """Seconds until the next thing that the clock alone brings about, if it is worth waiting for."""
        if self.face == Face.UPCOMING:
            return self.lobby_in
        return self.opens_in if self.seen.state in BEFORE_THE_OPENING else None

    @property
    def is_live(self) -> bool:
        """Whether anything is going to change that the page should find out by itself."""
        if self.face == Face.UPCOMING:
            return self.changes_in is not None
        return self.face not in {Face.ENDED, Face.OVER}

    @property
    def poll_after(self) -> float:
        """Seconds after which to ask again, where the time to the opening doesn't say it."""
        if self.wait is not None:
            return poll_after(self.wait.ahead)
        return DRAWING_SECONDS if self.face == Face.DRAWING else OUTSIDE_SECONDS

    @property
    def refresh_after(self) -> int | None:
        """Seconds after which a browser without JavaScript asks again; None if it need not."""
        if not self.is_live or self.face == Face.JOIN:
            return None
        seconds = self.poll_after if self.changes_in is None else min(SLOWEST_PAGE_SECONDS, self.changes_in)
        if self.face == Face.LOBBY and self.changes_in is None:
            seconds = SLOWEST_PAGE_SECONDS
        return max(WHOLE_PAGE_SECONDS, ceil(seconds))

    @property
    def is_due(self) -> bool:
        """Whether the public progress can't tell when this changes: a number has been drawn, or is about to be."""
        return self.face == Face.DRAWING and self.seen.state != DRAWING

    @property
    def shape(self) -> str:
        """What must stay the same for the page to be right but for its numbers, as JSON.

        The page's script works out the same from the public progress (static/js/waiting_shape.js), and asks for
        the place anew where they differ.
        """
        shape: dict[str, object] = {
            "state": self.seen.state,
            "message": self.seen.sale.queue_message,
            "is_drawn": self.seen.sale.seed is not None,
        }
        if self.wait is not None:
            shape |= {
                # Nobody, one, or several: the sentences differ.
                "ahead": min(self.wait.ahead, 2),
                "minutes": None if self.wait.minutes is None else min(self.wait.minutes, 2),
                "is_near": self.wait.is_near,
                "has_too_few_seats": self.wait.has_too_few_seats,
            }
        return json.dumps(shape)

    def _seconds_until(self, moment: datetime) -> int | None:
        seconds = ceil((moment - self.seen.sale.now()).total_seconds())
        return seconds if 0 < seconds <= A_DAY else None


def standing_of(token: TokenView | None, seen: Progress) -> Standing:
    """Where a fan with this token stands."""
    face = face_of(token, seen.state)
    number = token.number if token is not None and face == Face.LINE else None
    return Standing(
        seen=seen,
        token=token,
        face=face,
        wait=None if number is None else wait_for(number, seen),
        proof=proof_of(token, seen) if token is not None and face == Face.LINE else None,
    )
