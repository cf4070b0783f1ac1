"""The draw of a date as staff see it: what to publish beforehand, and what anybody can check afterwards."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from queueing import queries as line
from queueing.domain import draw
from queueing.facts import DrawRecord, lobby_before
from reservations.models import ConcertSchedule
from reservations.queries import staff
from reservations.queries.sales import sale_of


class DrawStage(StrEnum):
    """How far a draw has come."""

    AHEAD = "AHEAD"
    DRAWING = "DRAWING"
    DRAWN = "DRAWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSummary:
    """A draw as staff may see it: the seed and the record only once the numbers are drawn."""

    stage: DrawStage
    lobby_at: datetime
    opens_at: datetime
    gathered: int
    drawn_at: datetime | None
    seed_hash: str
    seed: str | None
    record: DrawRecord | None

    @property
    def has_lobby(self) -> bool:
        return self.lobby_at < self.opens_at


def draw_summary(schedule: ConcertSchedule) -> DrawSummary | None:
    """The draw of a row of `staff.schedules`; None where there is nothing to say of it."""
    sale = sale_of(schedule.pk)
    if sale is None:
        return None
    opens_at, gathered = schedule.reservation_available_at, line.count_gathered(schedule.pk)
    has_opened = opens_at <= staff.annotation(schedule, "read_at")
    if has_opened and not schedule.drawn_at and not gathered:
        return None
    # The facts of a sale are up to a second old, so its seed may be missing while the row is drawn already.
    shown = DrawSummary(
        stage=DrawStage.DRAWN if schedule.drawn_at else DrawStage.DRAWING if has_opened else DrawStage.AHEAD,
        lobby_at=lobby_before(opens_at),
        opens_at=opens_at,
        gathered=gathered,
        drawn_at=schedule.drawn_at,
        seed_hash=sale.seed_hash,
        seed=sale.seed,
        record=draw.record_of(schedule.pk, opens_at=opens_at) if schedule.drawn_at else None,
    )
    return shown if shown.has_lobby or gathered or (shown.record and shown.record.size) else None
