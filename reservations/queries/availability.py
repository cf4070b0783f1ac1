"""Which seats are free: one code a seat, asked by everybody who looks at the map.

The answer is less than half a second old, all its stops together: it is kept in Redis for what is left of its
time, and in each process for what is left of that. Nothing tells it of changes, so the hot writes pay
nothing for it. So a page that asks twice a second shows what others took within one. While Redis is away each process
asks PostgreSQL for itself, and keeps what it hears for a second.
Holds that lapse within that time are known when it is read; they turn free on time without another look.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import orjson
from redis import Redis

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import fetch_one, sql_beside
from concert_site.lib.json import to_json
from concert_site.lib.redis import try_redis

# The codes of seats that can be had and that somebody holds, as availability.sql has them.
FREE, HELD = "A", "T"
LIFETIME_MS = 400
LIFETIME_SECONDS = LIFETIME_MS / 1000
# For how long where no Redis shares it between the processes.
ALONE_SECONDS = 1.0
# For how long a version is remembered after it was last the newest: phones sleep, and ask what they missed.
VERSION_SECONDS = 30.0
NOT_SHARED = b"", 0, 0
# One script, so that it is the clock of the very server that has the key.
SHARED = "return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]), redis.call('TIME')}"
# More than a second can sell: an answer that old with fewer seats left than this may be wrong, so who decides
# by it looks again.
FEW_SEATS = 2000


@dataclass(frozen=True, slots=True)
class Availability:
    """The answer as it goes out: `seats` has a code a seat. `good_until` is on the clock of time.monotonic().

    `seats_held` are in checkouts; the first of them comes back at `next_lapse` if it isn't paid: seconds since 1970 by
    PostgreSQL's clock, None where nothing is held.
    """

    seats: str
    body: bytes
    version: str
    layout_version: int
    seats_left: int
    is_sold_out: bool
    good_until: float
    seats_held: int
    next_lapse: float | None

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


@dataclass(frozen=True, slots=True)
class SeatSnapshot:
    """What PostgreSQL said at `taken_at` (time.monotonic()).

    In `seats`, "t" is a hold that lapses within its second; `lapses` has after how many milliseconds each does.
    `read_at` is the same moment by PostgreSQL's clock, `next_lapse` when the first of the other holds ends.
    It is good until `taken_at + seconds`.
    """

    layout_version: int
    seats: str
    lapses: list[int]
    is_sold_out: bool
    taken_at: float
    read_at: float
    next_lapse: float | None
    seconds: float = LIFETIME_SECONDS


_snapshots: TTLCache[SeatSnapshot] = TTLCache(most=256)
_answers: TTLCache[Availability] = TTLCache(most=256)
# Seats by the version's name, which names what is in it. 20,000 seats have 20 kB.
_versions: TTLCache[str] = TTLCache(most=1024)


def availability_of(schedule_id: int) -> Availability:
    """The seats of a schedule, less than half a second old (without Redis: a second), never older than a hold's end.

    A schedule that doesn't exist has no seats.
    """
    return _answers.get_or_build(schedule_id, lambda: _answer(schedule_id))


def seats_of_version(version: str) -> str | None:
    """The seats of a version that was the newest within the last half minute, if this process knows it."""
    return _versions.get(version)


def room_for_fans(schedule_id: int, seats_left: int, *, cap: int, now: datetime | None = None) -> int:
    """How many fans inside the seats can serve: one a free seat, and whoever holds one.

    Never more than seats can still be had: beyond the fans who hold one already, one fan a free seat. Where
    the seats could be fewer than `cap`, both are counted now: `seats_left` may be a second old, and would
    count the seats that have been taken since. So may `cap`: the cap in force is read behind the lock, and
    may have been raised far above the seats.
    """
    if seats_left >= cap + FEW_SEATS:
        return seats_left - FEW_SEATS
    row = fetch_one(sql_beside(__file__, "room_for_fans.sql"), {"schedule": schedule_id, "now": now})
    return int(row["room"])


def _answer(schedule_id: int) -> tuple[Availability, float]:
    snapshot = _snapshots.get_or_build(schedule_id, lambda: _snapshot(schedule_id))
    now = time.monotonic()
    availability = render(snapshot, now)
    _versions.set(availability.version, availability.seats, VERSION_SECONDS)
    return availability, availability.good_until - now


def render(snapshot: SeatSnapshot, now: float) -> Availability:
    """The answer at `now` (time.monotonic()), with the holds freed that have lapsed since."""
    ends = [snapshot.taken_at + lapse / 1000 for lapse in snapshot.lapses]
    seats = decide_lapses(snapshot.seats, [end <= now for end in ends])
    seats_left = seats.count(FREE)
    facts = {"layout_version": snapshot.layout_version, "seats": seats, "seats_left": seats_left}
    version = blake2b(to_json(facts), digest_size=8).hexdigest()
    return Availability(
        seats=seats,
        body=to_json({"version": version} | facts),
        version=version,
        layout_version=snapshot.layout_version,
        seats_left=seats_left,
        is_sold_out=snapshot.is_sold_out,
        good_until=min([snapshot.taken_at + snapshot.seconds, *(end for end in ends if end > now)]),
        seats_held=seats.count(HELD),
        next_lapse=next_lapse(snapshot, now),
    )


def next_lapse(snapshot: SeatSnapshot, now: float) -> float | None:
    """When the first of the holds ends that last at `now` (time.monotonic()), by PostgreSQL's clock."""
    soon = [lapse / 1000 for lapse in snapshot.lapses if snapshot.taken_at + lapse / 1000 > now]
    return snapshot.read_at + min(soon) if soon else snapshot.next_lapse


def decide_lapses(seats: str, have_lapsed: list[bool]) -> str:
    """The codes, with every "t" decided: FREE if its time has come, else HELD."""
    first, *rest = seats.split("t")
    return first + "".join(
        (FREE if has_lapsed else HELD) + piece for has_lapsed, piece in zip(have_lapsed, rest, strict=True)
    )


def availability_key(schedule_id: int) -> str:
    """Where Redis has the snapshot; its number changes with its shape."""
    return f"availability:3:{schedule_id}"


def _snapshot(schedule_id: int) -> tuple[SeatSnapshot, float]:
    key = availability_key(schedule_id)
    asked_at = time.monotonic()
    stored, left_ms, redis_ms = try_redis(lambda redis: read_shared(redis, key), NOT_SHARED)
    if stored and left_ms > 0:
        snapshot = SeatSnapshot(**orjson.loads(stored), taken_at=asked_at - (LIFETIME_MS - left_ms) / 1000)
    else:
        facts = fetch_one(sql_beside(__file__, "availability.sql"), {"schedule_id": schedule_id})
        facts["layout_version"] = facts["layout_version"] or 0
        seconds = LIFETIME_SECONDS if redis_ms else ALONE_SECONDS
        snapshot = SeatSnapshot(**facts, taken_at=asked_at, seconds=seconds)
        if redis_ms:
            try_redis(lambda redis: redis.set(key, to_json(facts), pxat=redis_ms + LIFETIME_MS), None)
    return snapshot, snapshot.taken_at + snapshot.seconds - time.monotonic()


def read_shared(redis: Redis, key: str) -> tuple[bytes, int, int]:
    """What Redis has, how many milliseconds it is still good for, and what time it is there: one round trip.

    By Redis's own clock, read before PostgreSQL is asked, a copy ends a second after what it shows.
    """
    stored, left_ms, (seconds, microseconds) = redis.eval(SHARED, 1, key)
    return stored, left_ms, int(seconds) * 1000 + int(microseconds) // 1000
