"""Reads of the waiting room."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import NotFound
from queueing.facts import TokenView
from queueing.models import TokenStatus, WaitingToken

# A token as it reads at a moment, whatever is still to be tidied up.
AS_READ = """
select t.token, t.concert_schedule_id as schedule_id, token_state(t.status, t.expired_at, at) as status, t.number,
       t.created_at, t.entered_at, t.expired_at,
       token_end_reason(t.status, t.expired_reason, t.entered_at, t.expired_at, at) as expired_reason
  from waiting_token t, coalesce(%(now)s::timestamptz, statement_timestamp()) as at
"""

# Fans who are near the front ask for this every second, so it is one prepared round trip without the ORM.
FIND = f"""
{AS_READ}
 where t.token = %(token)s::uuid and t.user_id = %(fan)s::bigint
"""

# The one live token of a fan in a line, by the unique index that says there is but one.
LIVE = f"""
{AS_READ}
 where t.user_id = %(fan)s::bigint and t.concert_schedule_id = %(schedule)s::bigint
   and token_is_live(t.status)
"""


def own_token(token: UUID, *, user_id: int, now: datetime | None = None) -> TokenView:
    """A fan's token.

    :raises NotFound: if there is none, or it is someone else's
    """
    rows = fetch(FIND, {"token": token, "fan": user_id, "now": now})
    if not rows:
        raise NotFound
    return TokenView(**rows[0])


def token_in_line(schedule_id: int, *, user_id: int) -> TokenView | None:
    """The fan's token in this line: it waits, is ACTIVE, or reads EXPIRED because its time has just run out.

    None if there is none: the fan never joined, or an earlier visit is over and tidied up.
    """
    rows = fetch(LIVE, {"fan": user_id, "schedule": schedule_id, "now": None})
    return TokenView(**rows[0]) if rows else None


def place_of(schedule_id: int, *, user_id: int, named: UUID | None) -> TokenView | None:
    """The fan's token of this schedule: the one that is `named`, unless a live one has taken its place.

    One query while it lives. A named one that is over tells how a visit ended.
    """
    token = None
    if named is not None:
        with suppress(NotFound):
            token = own_token(named, user_id=user_id)
    if token is not None and token.schedule_id != schedule_id:
        token = None
    if token is not None and token.status != TokenStatus.EXPIRED:
        return token
    return token_in_line(schedule_id, user_id=user_id) or token


def has_lobby(schedule_id: int) -> bool:
    """Whether anybody waits for the draw; ask only before it, for it leaves a dead entry a fan to look at."""
    return WaitingToken.objects.gathered(schedule_id).exists()


def count_gathered(schedule_id: int) -> int:
    """How many wait for the draw. It counts them all."""
    return WaitingToken.objects.gathered(schedule_id).count()


def count_waiting(schedule_id: int) -> int:
    """How many wait; it walks the line, so ask rarely."""
    return WaitingToken.objects.waiting(schedule_id).count()


def count_inside(schedule_id: int) -> int:
    """How many are inside: never many more than the cap."""
    return WaitingToken.objects.inside().filter(concert_schedule_id=schedule_id).count()


def had_a_line(schedule_id: int) -> bool:
    """Whether anybody ever stood in the line of a schedule."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id).exists()


def schedules_with_a_line() -> list[int]:
    """The schedules where anybody waits or is inside: two looks into partial indexes each."""
    return [row["id"] for row in fetch(sql_beside(__file__, "schedules_with_a_line.sql"), {})]
