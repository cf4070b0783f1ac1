"""What a fan who joins a line meets at the entrance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Now

from concert_site.lib.database.statements import Row, fetch, sql_beside
from concert_site.lib.errors import NotFound
from queueing.queries import TokenView
from reservations.models import ConcertSchedule, ConcertStatus

YOUNG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Entrance:
    """The sale as a joiner meets it, with the fan's live token if there is one."""

    is_available: bool
    reservation_available_at: datetime
    deadline_at: datetime
    queue_max_active: int
    seed_hash: str
    is_drawn: bool
    has_lobby: bool
    read_at: datetime
    may_enter: bool
    is_sold_out: bool
    token: TokenView | None


def entrance(*, user_id: int, schedule_id: int, check_seats: bool, now: datetime | None = None) -> Entrance:
    """Read it: one query. `check_seats` asks whether all is sold, which near the end walks the hall's seats.

    :raises NotFound: if there is no such schedule
    """
    params = {"fan": user_id, "schedule": schedule_id, "check_seats": check_seats, "now": now}
    rows = fetch(sql_beside(__file__, "entrance.sql"), params)
    if not rows:
        raise NotFound
    (row,) = rows
    return Entrance(
        is_available=row["concert_status"] == ConcertStatus.AVAILABLE,
        reservation_available_at=row["reservation_available_at"],
        deadline_at=row["deadline_at"],
        queue_max_active=row["queue_max_active"],
        seed_hash=row["seed_hash"],
        is_drawn=row["is_drawn"],
        has_lobby=row["has_lobby"],
        read_at=row["read_at"],
        may_enter=row["may_enter"],
        is_sold_out=row["is_sold_out"],
        token=live_token(row, schedule_id),
    )


def live_token(row: Row, schedule_id: int) -> TokenView | None:
    """The fan's token of this row, if it has one."""
    if row["token"] is None:
        return None
    return TokenView(
        schedule_id=schedule_id,
        **{
            name: row[name]
            for name in (
                "token",
                "status",
                "number",
                "created_at",
                "entered_at",
                "expired_at",
                "expired_reason",
            )
        },
    )


def room_for_fans(schedule_id: int, *, now: datetime | None = None) -> int:
    """How many fans inside the seats can serve: one a free seat, and whoever holds one. It walks the hall's seats."""
    rows = fetch(sql_beside(__file__, "room_for_fans.sql"), {"schedule": schedule_id, "now": now})
    return int(rows[0]["room"])


def schedules_with_a_line() -> list[int]:
    """The schedules where anybody waits or is inside: two looks into partial indexes each."""
    return [row["id"] for row in fetch(sql_beside(__file__, "schedules_with_a_line.sql"), {})]


def is_a_sale_young() -> bool:
    """Whether any sale has opened within the last minutes, so that its tables still change their nature."""
    opened = ConcertSchedule.objects.filter(
        reservation_available_at__lte=Now(), reservation_available_at__gt=Now() - YOUNG, deadline_at__gt=Now()
    )
    return opened.exists()
