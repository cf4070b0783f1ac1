"""The line: join it, enter when it is your turn, leave it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models.functions import Now

from concert_site.lib.database.statements import fetch, fetch_one, sql_beside
from concert_site.lib.errors import Unavailable
from queueing.domain.counters import lift, next_number
from queueing.domain.errors import QueueTokenInactive
from queueing.models import ExpiredReason, Status, WaitingToken
from queueing.queries import TokenView, own_token

JOIN_LOBBY = """
select id, token, created_at, is_new, is_drawn
  from join_lobby(%(fan)s::bigint, %(schedule)s::bigint, %(token)s::uuid, %(now)s::timestamptz)
"""
ENTER = """
select enter_line(t.id, %(seconds)s::float8, coalesce(%(now)s::timestamptz, statement_timestamp()))
  from waiting_token t
 where t.token = %(token)s::uuid and t.user_id = %(fan)s::bigint
"""
# A join meets a taken number only while the counter of a lost Redis is being rebuilt.
TRIES = 5


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a join: the row's id, the token, and whether this join made it."""

    id: int
    token: TokenView
    is_new: bool


def join_lobby(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Joined | None:
    """Let a fan wait for the draw without a number; a live token is answered again. One round trip, no Redis.

    None once the numbers are drawn: from then on who comes joins the line.
    """
    row = fetch_one(JOIN_LOBBY, {"fan": user_id, "schedule": schedule_id, "token": uuid4(), "now": now})
    if row["is_drawn"]:
        return None
    if row["is_new"]:
        return joined_from(row | {"number": None}, schedule_id)
    # The fan's other request was quicker.
    return Joined(row["id"], own_token(row["token"], user_id=user_id, now=now), is_new=False)


def join(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Joined:
    """Put a fan at the end of a line, WAITING: one call to Redis for the number, one insert.

    Whoever calls has looked for a live token first, so that refreshing burns no numbers. No lock is shared
    with other joiners.

    :raises Unavailable: while Redis is away, which alone hands out numbers
    """
    for _ in range(TRIES):
        rows = fetch(
            sql_beside(__file__, "join_line.sql"),
            {
                "fan": user_id,
                "schedule": schedule_id,
                "token": uuid4(),
                "number": next_number(schedule_id),
                "now": now,
            },
        )
        if rows:
            return joined_from(rows[0], schedule_id)
        standing = WaitingToken.objects.of(user_id=user_id).live().filter(concert_schedule_id=schedule_id).first()
        if standing is not None:
            # The fan's other request was quicker.
            return Joined(standing.pk, own_token(standing.token, user_id=user_id, now=now), is_new=False)
        lift(schedule_id)
    raise Unavailable


def joined_from(row: dict[str, object], schedule_id: int) -> Joined:
    """The token that a join has just inserted."""
    token = TokenView(
        token=row["token"],  # type: ignore[arg-type]  # a row's columns are of any type
        schedule_id=schedule_id,
        status=Status.WAITING,
        number=row["number"],  # type: ignore[arg-type]  # as above
        created_at=row["created_at"],  # type: ignore[arg-type]  # as above
        entered_at=None,
        expired_at=None,
        expired_reason=None,
    )
    return Joined(row["id"], token, is_new=True)  # type: ignore[arg-type]  # as above


def enter(*, user_id: int, token: UUID, now: datetime | None = None) -> TokenView:
    """Note that an admitted fan has come in, which gives the full TOKEN_ACTIVE_SECONDS. Again: no change.

    :raises NotFound: if the token isn't the fan's
    :raises QueueTokenInactive: unless it is ACTIVE
    """
    full = float(settings.TOKEN_ACTIVE_SECONDS)
    fetch(ENTER, {"fan": user_id, "token": token, "seconds": full, "now": now})
    view = own_token(token, user_id=user_id, now=now)
    if view.status != Status.ACTIVE:
        raise QueueTokenInactive
    return view


def leave(*, user_id: int, token: UUID, now: datetime | None = None) -> tuple[TokenView, bool]:
    """Give up a place or a slot; answer the expired token, and whether a slot became free. Again: no change.

    :raises NotFound: if the token isn't the fan's
    """
    mine = WaitingToken.objects.of(user_id=user_id).filter(token=token)
    moment = now or Now()
    over = {"expired_at": moment, "expired_reason": ExpiredReason.LEFT}
    # In this order: a fan who is admitted between the two statements goes all the same. A slot whose time is
    # over isn't given up any more; it lapses with its own reason.
    mine.move(Status.WAITING, Status.EXPIRED, **over)
    freed = mine.inside(now).move(Status.ACTIVE, Status.EXPIRED, **over)
    return own_token(token, user_id=user_id, now=now), bool(freed)
