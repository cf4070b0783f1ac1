"""Reads of the waiting room."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from concert_site.lib.database.statements import Row, fetch
from concert_site.lib.errors import NotFound
from queueing.models import ExpiredReason, Status, WaitingToken


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is at the moment of reading: an ACTIVE one whose time is over reads EXPIRED."""

    token: UUID
    schedule_id: int
    status: str
    number: int | None
    created_at: datetime
    entered_at: datetime | None
    expired_at: datetime | None
    expired_reason: str | None


# Fans who are near the front ask for this every second, so it is one prepared round trip without the ORM.
FIND = """
select token, concert_schedule_id as schedule_id, status, number, created_at, entered_at, expired_at, expired_reason,
       coalesce(%(now)s::timestamptz, statement_timestamp()) as read_at
  from waiting_token
 where token = %(token)s::uuid and user_id = %(fan)s::bigint
"""


# The one live token of a fan in a line, by the unique index that says there is but one.
LIVE = """
select token, concert_schedule_id as schedule_id, status, number, created_at, entered_at, expired_at, expired_reason,
       statement_timestamp() as read_at
  from waiting_token
 where user_id = %(fan)s::bigint and concert_schedule_id = %(schedule)s::bigint and status in ('WAITING', 'ACTIVE')
"""


def view_of(row: Row) -> TokenView:
    """A token's row as it is at its `read_at`."""
    read_at = row.pop("read_at")
    view = TokenView(**row)
    if view.status != Status.ACTIVE or view.expired_at is None or view.expired_at > read_at:
        return view
    reason = ExpiredReason.TIME_OVER if view.entered_at else ExpiredReason.NO_SHOW
    return replace(view, status=Status.EXPIRED, expired_reason=reason)


def own_token(token: UUID, *, user_id: int, now: datetime | None = None) -> TokenView:
    """A fan's token.

    :raises NotFound: if there is none, or it is someone else's
    """
    rows = fetch(FIND, {"token": token, "fan": user_id, "now": now})
    if not rows:
        raise NotFound
    return view_of(rows[0])


def token_in_line(schedule_id: int, *, user_id: int) -> TokenView | None:
    """The fan's token in this line: it waits, is ACTIVE, or reads EXPIRED because its time has just run out.

    None if there is none: the fan never joined, or an earlier visit is over and tidied up.
    """
    rows = fetch(LIVE, {"fan": user_id, "schedule": schedule_id})
    return view_of(rows[0]) if rows else None


def last_number(schedule_id: int) -> int:
    """The highest number handed out for a schedule, as far as PostgreSQL knows; 0 before the first."""
    line = WaitingToken.objects.filter(concert_schedule_id=schedule_id)
    # By the unique index on (schedule, number), from its end: the same cost for every length of the line.
    return line.order_by("-number").filter(number__isnull=False).values_list("number", flat=True).first() or 0


def has_lobby(schedule_id: int) -> bool:
    """Whether anybody waits for the draw; ask only before it, for it leaves a dead entry a fan to look at."""
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING)
    return waiting.filter(number__isnull=True).exists()


def count_waiting(schedule_id: int) -> int:
    """How many wait; it walks the line, so ask rarely."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING).count()


def count_gathered(schedule_id: int) -> int:
    """How many wait without a number: in the lobby, or while the numbers are being drawn. It counts them all."""
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING)
    return waiting.filter(number__isnull=True).count()


def count_inside(schedule_id: int) -> int:
    """How many are inside, by their state: never many more than the cap."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.ACTIVE).count()


def had_a_line(schedule_id: int) -> bool:
    """Whether anybody ever stood in the line of a schedule."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id).exists()
