"""The sales that staff watch: the open ones, and those that open next."""

from dataclasses import dataclass
from datetime import datetime

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import fetch, sql_beside
from queueing.facts import IDLE_SECONDS, OVERDUE_SECONDS, SaleState, is_drawing, lobby_before

# How many sales are watched side by side, and for how long before and after: those of the day.
MOST_WATCHED = 24
WATCHED_HOURS = 24
# Of each kind. A house with more sales open than this looks at the list of schedules.
MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Onsale:
    """One sale as it stands: its seats by state, and the fans in line and inside.

    `gathered` are those who wait without a number: in the lobby, or while numbers are being drawn. A line that should
    move `is_stalled`: for IDLE_SECONDS nobody has come in or gone out, though people wait and there is room.
    """

    schedule_id: int
    is_open: bool
    concert_name: str
    time_zone: str | None
    concert_at: datetime
    reservation_available_at: datetime
    deadline_at: datetime
    is_paused: bool
    most_inside: int
    drawn_at: datetime | None
    read_at: datetime
    sold: int
    held: int
    free: int
    waiting: int
    gathered: int
    inside: int
    is_stalled: bool

    @property
    def has_lobby_open(self) -> bool:
        return not self.is_open and self.read_at >= lobby_before(self.reservation_available_at)

    @property
    def is_drawing(self) -> bool:
        return self.is_open and is_drawing(SaleState.OPEN, self.drawn_at, has_lobby=self.gathered > 0)

    @property
    def is_draw_overdue(self) -> bool:
        return self.is_drawing and (self.read_at - self.reservation_available_at).total_seconds() > OVERDUE_SECONDS


def onsales(*, most: int = MOST) -> list[Onsale]:
    """The open sales by date, then those to come by their opening, up to `most` of each: one query."""
    params = {"most": most, "idle_seconds": IDLE_SECONDS}
    return [Onsale(**row) for row in fetch(sql_beside(__file__, "onsales.sql"), params)]


WATCHED = """
select s.id
  from concert_schedule s join concert c on c.id = s.concert_id
 where c.status = 'AVAILABLE' and s.canceled_at is null
   and s.reservation_available_at < statement_timestamp() + make_interval(hours => %(hours)s)
   and s.deadline_at > statement_timestamp() - make_interval(hours => %(hours)s)

 order by s.deadline_at <= statement_timestamp(),
          abs(extract(epoch from s.reservation_available_at - statement_timestamp())), s.id
 limit %(most)s
"""
_watched: TTLCache[list[int]] = TTLCache()
WATCHED_SECONDS = 2.0


def sales_of_the_day() -> list[int]:
    """The schedules that are sold today: open, opening within a day, or closed within the last; one query, or none.

    What opened or opens nearest to this moment comes first.
    """
    return _watched.get_or_build("all", lambda: (_read_watched(), WATCHED_SECONDS))


def _read_watched() -> list[int]:
    return [row["id"] for row in fetch(WATCHED, {"most": MOST_WATCHED, "hours": WATCHED_HOURS})]
