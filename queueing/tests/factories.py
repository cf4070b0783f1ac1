"""Lines for tests, with dull defaults."""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils.timezone import now

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from queueing.domain import line, snapshots
from queueing.domain.counters import COUNTER_KEY
from queueing.domain.snapshots import snapshot_key
from queueing.facts import LineMeasurement, QueueSnapshot, SaleFacts, TokenView
from queueing.models import WaitingToken
from queueing.queries import own_token
from reservations.models import ConcertSchedule
from reservations.queries.sales import facts_of

# An hour ago, so that nothing which goes by the database's clock can lean on it by accident.
NOW = now() - timedelta(hours=1)
ENTRY = timedelta(seconds=120)
STAY = timedelta(seconds=600)


def make_fans(count: int) -> list[User]:
    """So many fans, who can't log in."""
    first = make_fan()
    others = [User(email=f"many{first.pk}-{number}@example.com") for number in range(1, count)]
    return [first, *User.objects.bulk_create(others)]


def make_line(schedule: ConcertSchedule, count: int) -> list[WaitingToken]:
    """So many fans who wait, with the next numbers, and a counter in Redis that has handed these out."""
    last = WaitingToken.objects.filter(concert_schedule=schedule).count()
    fans = make_fans(count)
    client().delete(COUNTER_KEY % schedule.pk)
    return WaitingToken.objects.bulk_create(
        WaitingToken(user=fan, concert_schedule=schedule, number=number, created_at=NOW)
        for number, fan in enumerate(fans, last + 1)
    )


def make_active(
    schedule: ConcertSchedule,
    fan: User | None = None,
    *,
    until: datetime | None = None,
    is_inside: bool = True,
    since: datetime = NOW,
) -> WaitingToken:
    """A fan who has been admitted, and has come in unless told otherwise.

    Tests that go by the database's clock say since when.
    """
    return WaitingToken.objects.create(
        user=fan or make_fan(),
        concert_schedule=schedule,
        status="ACTIVE",
        number=WaitingToken.objects.filter(concert_schedule=schedule).count() + 1,
        created_at=since,
        updated_active_at=since,
        entered_at=since if is_inside else None,
        expired_at=until or since + (STAY if is_inside else ENTRY),
    )


def numbers_of(schedule: ConcertSchedule, status: str) -> list[int]:
    """The numbers of a schedule that are in this state, lowest first."""
    found = WaitingToken.objects.filter(concert_schedule=schedule, status=status)
    return list(found.order_by("number").values_list("number", flat=True))


def reasons_of(schedule: ConcertSchedule) -> dict[int, str]:
    """Why each number that is over ended."""
    over = WaitingToken.objects.filter(concert_schedule=schedule, status="EXPIRED")
    return dict(over.values_list("number", "expired_reason"))


@dataclass(frozen=True, slots=True)
class Placed:
    """A fan's row in a line, the token, and whether this step made it."""

    id: int
    token: TokenView
    is_new: bool


def stand_in_line(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Placed:
    """A fan who takes the next number, as a join does once the numbers are drawn."""
    row = line.take_number(user_id=user_id, schedule_id=schedule_id, now=now)
    return Placed(row["id"], own_token(row["token"], user_id=user_id, now=now), row["is_new"])


def stand_in_lobby(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Placed | None:
    """A fan who waits for the draw, as a join does before it; None if it is made."""
    row = line.gather(user_id=user_id, schedule_id=schedule_id, now=now)
    return Placed(row["id"], own_token(row["token"], user_id=user_id, now=now), row["is_new"]) if row else None


def take(schedule: ConcertSchedule, *, is_tick: bool = True, **changes: object) -> QueueSnapshot:
    """The snapshot that a tick takes last, of facts that are changed so."""
    facts = facts_of(schedule.pk)
    assert facts is not None
    return snapshots.take(replace(facts, **changes), is_tick=is_tick)


def make_snapshot(line: LineMeasurement | None = None, *, opens_in: float = -600.0, **facts: object) -> QueueSnapshot:
    """A snapshot of no schedule in particular, which opens in so many seconds; open and unhurried unless told so."""
    moment = now()
    told: dict[str, Any] = {
        "schedule_id": 1,
        "concert_id": 1,
        "is_public": True,
        "opens_at": moment + timedelta(seconds=opens_in),
        "deadline_at": moment + timedelta(days=1),
        "max_active": 10,
        "is_paused": False,
        "message": "",
        "seats_left": 1000,
        "is_sold_out": False,
        "drawn_at": None,
        "seed_hash": "",
        "seed": None,
        "read_at": moment,
        "asked_at": time.monotonic(),
    }
    return QueueSnapshot(facts=SaleFacts(**told | facts), line=line or LineMeasurement(0, 0, 0))


def seen_anew(schedule: ConcertSchedule) -> QueueSnapshot:
    """The snapshot as another process sees it, which remembers nothing."""
    clear_caches()
    found = snapshots.current(schedule.pk, facts_of)
    assert found is not None
    return found


def measured(schedule: ConcertSchedule, *points: tuple[float, int]) -> None:
    """What was measured of a line's speed: so many seconds ago it served this number; and the last a moment ago."""
    key = snapshot_key(schedule.pk)
    if not client().exists(key):
        take(schedule)
    kept = orjson.loads(client().hget(key, "body"))
    kept["line"]["samples"] = [(time.time() - ago, serving) for ago, serving in [*points, (4, points[-1][1])]]
    client().hset(key, "body", orjson.dumps(kept))
    # Old, so that whoever looks next works the speed out.
    client().pexpire(key, snapshots.KEEP_MS - 2000)
    clear_caches()
