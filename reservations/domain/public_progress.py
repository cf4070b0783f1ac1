"""What everyone may know of a waiting room: the same for everybody, whatever the length of its line.

It is one picture a schedule in Redis: how its line stands, with the facts of its sale beside. Every tick of the
admission renews it, and so does whoever finds it missing or old. The state is told from the facts by the clock, so
that an opening needs nobody to announce it.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from django.db import Error

from concert_site.lib.cache import TTLCache
from concert_site.lib.errors import NotFound
from concert_site.lib.tasks import enqueue_soon
from queueing.domain import draw, progress
from queueing.domain.draw import DrawRecord
from queueing.domain.measuring import Line
from queueing.domain.progress import Picture, Surroundings
from reservations.queries.availability import Availability, availability_of
from reservations.queries.onsales import OVERDUE_SECONDS
from reservations.queries.sales import Sale, SaleState, fresh_sale_of, sale_state

log = logging.getLogger(__name__)

# The states of a waiting room that a sale doesn't have.
DRAWING = "DRAWING"
PAUSED = "PAUSED"

# Where a tick has something to do if anybody waits.
MOVING = {SaleState.OPEN, DRAWING, SaleState.SOLD_OUT, SaleState.CLOSED}
# A tick comes each second. After so long without one whoever looks moves the line on; after so long without any step
# at all fans are told.
LATE_SECONDS, STILL_SECONDS = 5.0, 15.0

# What of a sale is kept, and what of that is not of JSON's own types.
KEPT = {each.name for each in fields(Sale)} - {"heard_at"}
INSTANTS = {each.name for each in fields(Sale) if each.type in (datetime, datetime | None)}
DATES = {each.name for each in fields(Sale) if each.type is date}


@dataclass(frozen=True, slots=True)
class Progress:
    """What everyone may know: the room's state, its line, the sale's facts, the seats left, and the record of its draw.

    `record` is None until the draw, and for the moments that it takes to be made. `ticked_at` is when a tick last
    came, or nobody waited: seconds on PostgreSQL's clock. `moved_at` is the same for whatever does a tick's work.
    """

    state: str
    line: Line
    sale: Sale
    seats_left: int
    record: DrawRecord | None = None
    ticked_at: float | None = None
    moved_at: float | None = None

    @property
    def is_late(self) -> bool:
        """Whether somebody waits, and no tick has come for seconds."""
        return self.state in MOVING and has_anybody(self.line) and is_ago(self.ticked_at, LATE_SECONDS, self.sale)

    @property
    def stands_still(self) -> bool:
        """Whether it has been so for long enough to tell the fans, to whom no wait can be promised then."""
        return self.state == SaleState.OPEN and has_anybody(self.line) and is_still(self.moved_at, self.sale)

    @property
    def drawing_seconds(self) -> float | None:
        """For how long numbers have been being drawn; None if they aren't."""
        if self.state != DRAWING:
            return None
        return (self.sale.now() - self.sale.reservation_available_at).total_seconds()

    @property
    def is_draw_overdue(self) -> bool:
        """Whether the draw takes longer than that of a million would."""
        seconds = self.drawing_seconds
        return seconds is not None and seconds > OVERDUE_SECONDS


# Where Redis has nothing, or is away: at most one look at PostgreSQL a second in each process and schedule.
_own: TTLCache[Progress | None] = TTLCache(most=1024)


def progress_of(schedule_id: int) -> Progress:
    """The public progress: no table is touched while the workers keep Redis fresh.

    :raises NotFound: if there is no such schedule in public
    """
    picture = progress.look(schedule_id)
    seen = None if picture is None or picture.is_old else shown(picture)
    if seen is None:
        seen = _own.get_or_build(schedule_id, lambda: (_renewed(schedule_id), progress.OWN_SECONDS))
    if seen is None or not seen.sale.is_public:
        raise NotFound
    return seen


def _renewed(schedule_id: int) -> Progress | None:
    sale = fresh_sale_of(schedule_id)
    return None if sale is None else renew(sale, availability_of(schedule_id), is_tick=False)


def renew(sale: Sale, seats: Availability, *, is_tick: bool = True, stands_in: bool = False) -> Progress:
    """Take the picture anew, of facts that are fresh, and leave it in Redis for everyone.

    Ticks count the line now and then; so does who `stands_in` for one that is late. While a draw is at work, it would
    be counted twice over.
    """
    kept = progress.kept_of(sale.schedule_id)
    state = sale_state(sale, is_sold_out=seats.is_sold_out, now=sale.now())
    moved_at = moment(sale, kept, "moved_at", is_now=is_tick)
    around = Surroundings(
        facts={
            "sale": {name: getattr(sale, name) for name in KEPT},
            "seats_left": seats.seats_left,
            "is_sold_out": seats.is_sold_out,
            "draw": record_for(sale, kept),
            "ticked_at": moment(sale, kept, "ticked_at", is_now=is_tick and not stands_in),
            "moved_at": moved_at,
        },
        heard_at=sale.heard_at,
        read_at=sale.read_at.timestamp(),
        opens_in=(sale.reservation_available_at - sale.read_at).total_seconds(),
        is_drawn=sale.drawn_at is not None,
        is_moving=(
            state == SaleState.OPEN
            and not sale.queue_paused
            and not has_just_changed(sale, kept)
            and not is_still(moved_at, sale)
        ),
        may_count=is_tick and not (kept and room_state(sale, state, kept.line) == DRAWING),
    )
    picture = progress.renew(sale.schedule_id, around, kept)
    _own.delete(sale.schedule_id)
    return seen_in(picture, sale, around.facts)


def moment(sale: Sale, kept: Picture | None, name: str, *, is_now: bool) -> float:
    """When something last came, as far as is known: now, for who can't know better or where nobody waited for it."""
    now = sale.read_at.timestamp()
    before = kept.facts.get(name) if kept and has_anybody(kept.line) and not was_paused(kept) else None
    return now if is_now or before is None or before > now else float(before)


def was_paused(kept: Picture) -> bool:
    """Whether nobody was to be let in when the picture was taken."""
    sale = kept.facts.get("sale")
    return bool(sale and sale.get("queue_paused"))


def has_anybody(line: Line) -> bool:
    """Whether somebody waits, with a number or for one."""
    return line.has_lobby or line.serving < line.last_number


def is_still(moved_at: float | None, sale: Sale) -> bool:
    """Whether a line that was last moved on then stands still, if anybody waits in it."""
    return is_ago(moved_at, STILL_SECONDS, sale)


def is_ago(moment: float | None, seconds: float, sale: Sale) -> bool:
    """Whether a moment of PostgreSQL's clock is longer ago than so many seconds."""
    return moment is not None and sale.now().timestamp() - moment > seconds


def has_just_changed(sale: Sale, kept: Picture | None) -> bool:
    """Whether a lever was pulled since the last picture, or the draw made: what comes in at once then is no speed."""
    before = kept.facts.get("sale") if kept else None
    return before is not None and (
        before.get("queue_max_active") != sale.queue_max_active
        or before.get("queue_paused") != sale.queue_paused
        or (before.get("drawn_at") is None) != (sale.drawn_at is None)
    )


def record_for(sale: Sale, kept: Picture | None) -> dict[str, Any] | None:  # Any: JSON
    """The record of the draw if it is known; else it is asked for, since making it reads the whole list."""
    if sale.drawn_at is None:
        return None
    before: dict[str, Any] | None = kept.facts.get("draw") if kept else None  # Any: as above
    if kept and before is not None and kept.facts["sale"]["seed"] == sale.seed:
        return before
    known = draw.known_record(sale.schedule_id)
    if known is None:
        enqueue_soon("reservations.record_draw", schedule_id=sale.schedule_id)
    return asdict(known) if known else None


def record_draw(schedule_id: int) -> None:
    """Make the record of a schedule's draw, and show it."""
    sale = fresh_sale_of(schedule_id)
    if sale is not None and sale.drawn_at is not None:
        draw.record_of(schedule_id, opens_at=sale.reservation_available_at)
        show_at_once([schedule_id])


def show_at_once(schedule_ids: Iterable[int]) -> None:
    """Let everyone see, and the line follow, what has just been changed about these schedules.

    A schedule without a picture is watched by nobody; whoever looks next takes a new one.
    """
    for each in schedule_ids:
        if progress.kept_of(each) is None:
            continue
        enqueue_soon("reservations.tick_admission", schedule_id=each)
        try:
            _renewed(each)
        except Error as error:
            log.warning("The picture of schedule %s waits for the next tick: %s", each, error)


def shown(picture: Picture) -> Progress | None:
    """What a picture says now; None if it was taken without the sale's facts, or by another release."""
    kept = picture.facts.get("sale")
    if kept is None or kept.keys() != KEPT:
        return None
    told = {name: restored(name, value) for name, value in kept.items()}
    return seen_in(picture, Sale(**told, heard_at=picture.taken_at), picture.facts)


def restored(name: str, value: Any) -> Any:  # Any: a fact of any type
    """A fact of the sale, out of JSON."""
    if value is not None and name in INSTANTS:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name in DATES else value


def seen_in(picture: Picture, sale: Sale, facts: dict[str, Any]) -> Progress:  # Any: JSON
    """The progress, as of this moment."""
    state = sale_state(sale, is_sold_out=facts["is_sold_out"], now=sale.now())
    record = DrawRecord(**facts["draw"]) if facts["draw"] else None
    room = room_state(sale, state, picture.line)
    times = facts.get("ticked_at"), facts.get("moved_at")
    return Progress(room, picture.line, sale, facts["seats_left"], record, *times)


def room_state(sale: Sale, state: SaleState, line: Line) -> str:
    """The state of the waiting room, where the sale itself stands at `state`."""
    if state != SaleState.OPEN:
        return state
    if sale.drawn_at is None and line.has_lobby:
        return DRAWING
    return PAUSED if sale.queue_paused else state
