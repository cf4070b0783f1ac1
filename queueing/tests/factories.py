"""Lines for tests, with dull defaults."""

import time
from datetime import datetime, timedelta

import orjson
from django.utils.timezone import now

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from queueing.domain import progress
from queueing.domain.counters import counter_key
from queueing.domain.progress import picture_key
from queueing.models import WaitingToken
from reservations.models import ConcertSchedule

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
    client().delete(counter_key(schedule.pk))
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


def measured(schedule: ConcertSchedule, *points: tuple[float, int]) -> None:
    """What was measured of a line's speed: so many seconds ago it served this number; and the last a moment ago."""
    key = picture_key(schedule.pk)
    if not client().exists(key):
        progress.renew(schedule.pk)
    kept = orjson.loads(client().hget(key, "body"))
    kept["samples"] = [(time.time() - ago, serving) for ago, serving in [*points, (4, points[-1][1])]]
    client().hset(key, "body", orjson.dumps(kept))
    clear_caches()
