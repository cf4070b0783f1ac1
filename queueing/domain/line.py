"""The line: join it, enter when it is your turn, leave it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models.functions import Now

from concert_site.lib import metrics
from concert_site.lib.database.statements import Row, fetch, fetch_one, sql_beside
from concert_site.lib.errors import Unavailable
from queueing.domain import admission, draw
from queueing.domain.counters import lift, next_number
from queueing.domain.errors import QueueTokenInactive, SaleClosed, SaleNotOpen, SoldOut
from queueing.facts import SaleFacts, SaleState, TokenView
from queueing.models import ExpiredReason, TokenStatus, WaitingToken, WaitingTokenQuerySet
from queueing.queries import own_token

GATHER = """
select id, token, null::bigint as number, created_at, is_new, is_drawn
  from join_lobby(%(fan)s::bigint, %(schedule)s::bigint, %(token)s::uuid, %(now)s::timestamptz)
"""
ENTER = """
select enter_line(
    t.id, t.entered_at is null, %(seconds)s::float8, coalesce(%(now)s::timestamptz, statement_timestamp()))
  from waiting_token t
 where t.token = %(token)s::uuid and t.user_id = %(fan)s::bigint
"""
# A join meets a taken number only while the counter of a lost Redis is being rebuilt.
TRIES = 5
REFUSALS = {SaleState.CLOSED: SaleClosed, SaleState.UPCOMING: SaleNotOpen, SaleState.SOLD_OUT: SoldOut}


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The answer to a join: the token, whether this join made it, and the hash of the draw's seed."""

    token: TokenView
    is_new: bool
    seed_hash: str


def join(
    facts: SaleFacts,
    *,
    user_id: int,
    live: TokenView | None,
    has_lobby: bool,
    has_free_slot: bool,
    now: datetime | None = None,
) -> JoinAnswer:
    """Join the line of a sale, or before the draw its lobby; a live token is answered again.

    What the fan has already, whether somebody waits for the draw, and whether a slot looks free with nobody waiting for
    it, comes with the facts. One call to Redis, one insert; where a slot looks free admission follows at once, so that
    in a quiet sale the fan is ACTIVE with the first answer. In the lobby, one insert.

    :raises SaleNotOpen, SaleClosed, SoldOut: if there is nothing to wait for
    :raises Unavailable: while Redis is away and the fan has no token yet; the lobby needs none
    """
    if live is not None:
        return JoinAnswer(live, is_new=False, seed_hash=facts.seed_hash)
    state = facts.state_at(facts.read_at)
    if state in REFUSALS:
        raise REFUSALS[state]
    if facts.drawn_at is None and state is SaleState.OPEN and not has_lobby:
        # Nobody waited for the opening, so there is nothing to draw: the first who comes opens the line.
        draw.draw(facts.schedule_id, waits=True, now=now)
    row = None if facts.drawn_at else gather(user_id=user_id, schedule_id=facts.schedule_id, now=now)
    row = row or take_number(user_id=user_id, schedule_id=facts.schedule_id, now=now)
    is_new = row["is_new"]
    is_active = is_new and row["number"] and has_free_slot and admission.admit_joiner(facts, row["id"], now=now)
    metrics.JOINS.add(by=bool(is_new))
    metrics.ADMISSIONS.add("join", by=bool(is_active))
    if is_active or not is_new:
        token = own_token(row["token"], user_id=user_id, now=now)
    else:
        new = {name: row[name] for name in ("token", "number", "created_at")}
        token = TokenView(schedule_id=facts.schedule_id, status=TokenStatus.WAITING, **new)
    return JoinAnswer(token, is_new, facts.seed_hash)


def gather(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Row | None:
    """Let a fan wait for the draw without a number; a live token is answered again. One round trip, no Redis.

    None once the numbers are drawn: from then on who comes joins the line.

    :raises Unavailable: if the account was closed in this moment; asked again, it is logged out
    """
    row = fetch_one(GATHER, {"fan": user_id, "schedule": schedule_id, "token": uuid4(), "now": now})
    if row["is_drawn"]:
        return None
    if row["id"] is None:
        raise Unavailable
    return row


def take_number(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Row:
    """Put a fan at the end of a line, WAITING: one call to Redis for the number, one insert.

    Whoever calls has looked for a live token first, so that refreshing burns no numbers. No lock is shared
    with other joiners.

    :raises Unavailable: while Redis is away, which alone hands out numbers, or if the account was closed in this moment
    """
    params = {"fan": user_id, "schedule": schedule_id, "now": now}
    for _ in range(TRIES):
        number = next_number(schedule_id)
        if rows := fetch(sql_beside(__file__, "join_line.sql"), params | {"token": uuid4(), "number": number}):
            return rows[0] | {"is_new": True}
        live = WaitingToken.objects.of(user_id=user_id).live().filter(concert_schedule_id=schedule_id)
        if row := live.values("id", "token", "number").first():
            # The fan's other request was quicker.
            return row | {"is_new": False}
        lift(schedule_id)
    raise Unavailable


def enter(*, user_id: int, token: UUID, now: datetime | None = None) -> TokenView:
    """Note that an admitted fan has come in, which gives the full TOKEN_ACTIVE_SECONDS. Again: no change.

    :raises NotFound: if the token isn't the fan's
    :raises QueueTokenInactive: unless it is ACTIVE
    """
    full = float(settings.TOKEN_ACTIVE_SECONDS)
    fetch(ENTER, {"fan": user_id, "token": token, "seconds": full, "now": now})
    view = own_token(token, user_id=user_id, now=now)
    if view.status != TokenStatus.ACTIVE:
        raise QueueTokenInactive
    return view


def leave(*, user_id: int, token: UUID, now: datetime | None = None) -> tuple[TokenView, bool]:
    """Give up a place or a slot; answer the expired token, and whether a slot became free. Again: no change.

    :raises NotFound: if the token isn't the fan's
    """
    freed = give_up(WaitingToken.objects.of(user_id=user_id).filter(token=token), now)
    return own_token(token, user_id=user_id, now=now), freed > 0


def give_up(tokens: WaitingTokenQuerySet, now: datetime | None = None) -> int:
    """End these places and slots, because their fans leave; return how many slots became free."""
    over = {"expired_at": now or Now(), "expired_reason": ExpiredReason.LEFT}
    # In this order: a fan who is admitted between the two statements goes all the same. A slot whose time is
    # over isn't given up any more; it lapses with its own reason.
    tokens.move(TokenStatus.WAITING, TokenStatus.EXPIRED, **over)
    return tokens.inside(now).move(TokenStatus.ACTIVE, TokenStatus.EXPIRED, **over)


def is_in_a_line(user_id: int) -> bool:
    """Whether a fan waits or is inside anywhere. One whose time is over is nowhere, tidied up or not."""
    mine = WaitingToken.objects.of(user_id=user_id)
    return mine.filter(status=TokenStatus.WAITING).exists() or mine.inside().exists()


def leave_every_line(*, user_id: int) -> None:
    """Give up all places and slots of a fan: a step of the caller's transaction. Until its end none of them is used."""
    mine = WaitingToken.objects.of(user_id=user_id).live()
    # In one order, lest two who lock several wait for each other.
    list(mine.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True))
    give_up(mine)


def lock_live_token(*, user_id: int, schedule_id: int) -> bool:
    """Lock what a fan waits or is inside with until the caller's transaction ends, without waiting.

    False if somebody is at it. Nobody joins meanwhile if the caller has locked the account before.
    """
    live = WaitingToken.objects.of(user_id=user_id).live().filter(concert_schedule_id=schedule_id)
    locked = live.select_for_update(no_key=True, of=("self",), skip_locked=True).values_list("pk", flat=True)
    return len(locked) == live.count()
