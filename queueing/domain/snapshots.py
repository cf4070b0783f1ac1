"""What everyone may know of a waiting room: the same for everybody, whatever the length of its line.

It is one snapshot a schedule, kept in Redis: how its line stands, with the facts of its sale beside. Every tick of the
admission takes it anew, and so does whoever finds it missing or old.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import Error, InterfaceError, OperationalError
from redis import Redis

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import fetch_one, sql_beside
from concert_site.lib.redis import try_redis
from concert_site.lib.tasks import enqueue_soon
from queueing.domain.counters import COUNTER_KEY
from queueing.domain.draw import known_record
from queueing.facts import (
    OLD_SECONDS,
    STALLED_SECONDS,
    DrawRecord,
    LineMeasurement,
    QueueSnapshot,
    ReadFacts,
    RoomState,
    SaleFacts,
    SaleState,
    Samples,
    room_state,
)
from queueing.models import TokenStatus, WaitingToken

log = logging.getLogger(__name__)

# How long Redis keeps a snapshot, for the next one to go on from.
KEEP_MS = 600_000
# How long a process answers from its own memory; and how long where Redis has nothing for it.
MEMORY_SECONDS, ALONE_SECONDS = 0.2, 1.0
# What of the facts is not of JSON's own types, and what is good for the moment of a tick alone.
INSTANTS = ("opens_at", "deadline_at", "drawn_at", "read_at")
UNKEPT = ("asked_at", "room")

# Speed is measured over the last three minutes, and not before ten seconds of them have passed.
SPEED_WINDOW_SECONDS = 180
SPEED_SAMPLE_SECONDS = 5
SPEED_MIN_SECONDS = 10
# After so long without anybody waiting the measuring begins anew: how fast fans trickle into a quiet sale says
# nothing of how fast a line will move.
SPEED_GAP_SECONDS = 15
# Counting the line costs a walk along it, so the walk may take a fiftieth of the time at most; and a walk that can be
# felt is not made at every tick, however much time there is.
COUNT_SHARE = 50
LONG_COUNT_SECONDS, COUNT_EVERY_SECONDS = 0.001, 5.0

# Two who take a snapshot at once must not bring an older one back, nor lose what an admission has said meanwhile.
# A lower `serving` is right only where nobody has touched it since it was read (ARGV[4]).
SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'read_at', 'serving')
local ahead = tonumber(kept[1] or 0) - tonumber(ARGV[2])
local serving = ARGV[3]
if kept[2] and kept[2] ~= ARGV[4] and tonumber(kept[2]) > tonumber(serving) then serving = kept[2] end
redis.call('HSET', KEYS[1], 'serving', serving)
if ahead > 0 and ahead < 10 then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'read_at', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
STEP = """
local kept = redis.call('HGET', KEYS[1], 'serving')
if kept and tonumber(ARGV[1]) > tonumber(kept) then redis.call('HSET', KEYS[1], 'serving', ARGV[1]) end
"""
# What Redis says of a line that nobody took a snapshot of.
NOTHING: Any = ((None, None), 0, None)  # Any: Redis's answers


# What this process saw last: good for a moment, and afterwards to go on from where Redis can't say.
_snapshots: TTLCache[QueueSnapshot | None] = TTLCache(most=1024)


def snapshot_key(schedule_id: int) -> str:
    """Where the snapshot of a schedule is kept."""
    # With the version of what is kept there, so that two releases side by side don't trip over each other.
    return f"queue:{schedule_id}:snapshot:1"


def current(schedule_id: int, read_facts: ReadFacts) -> QueueSnapshot | None:
    """The snapshot as anyone may see it: from memory, from Redis, or, at most once a second, taken anew.

    None if there is no such schedule. No table is touched while the workers keep Redis fresh.
    """
    return _snapshots.get_or_build(schedule_id, lambda: _found_or_taken(schedule_id, read_facts))


def _found_or_taken(schedule_id: int, read_facts: ReadFacts) -> tuple[QueueSnapshot | None, float]:
    found = stored(schedule_id)
    if found is not None and not found.is_old:
        return found, MEMORY_SECONDS
    try:
        facts = read_facts(schedule_id)
    except (InterfaceError, OperationalError) as error:
        # PostgreSQL is away: how the line stood last is told on, and fans keep their page.
        last = found or _snapshots.last(schedule_id)
        if last is None:
            raise
        log.warning("The line of schedule %s is told as it was: %s", schedule_id, error)
        return last, ALONE_SECONDS
    return None if facts is None else take(facts, found, is_tick=False), ALONE_SECONDS


def stored(schedule_id: int) -> QueueSnapshot | None:
    """The snapshot that Redis has at this moment, old or not: one round trip."""
    asked_at = time.monotonic()

    def step(redis: Redis) -> Any:  # Any: Redis's answers
        with redis.pipeline(transaction=False) as pipe:
            pipe.hmget(snapshot_key(schedule_id), "body", "serving")
            pipe.pttl(snapshot_key(schedule_id))
            pipe.hget(COUNTER_KEY % schedule_id, "number")
            return pipe.execute()

    (body, serving), left_ms, number = try_redis(step, NOTHING)
    if body is None:
        return None
    kept = orjson.loads(body)
    # Longer than any is kept: the clock of Redis was set back since, and the snapshot may be of any age.
    age = (KEEP_MS - left_ms) / 1000 + kept["age"] if left_ms <= KEEP_MS else OLD_SECONDS + kept["age"] + 1
    told = {name: kept["facts"][name] and datetime.fromisoformat(kept["facts"][name]) for name in INSTANTS}
    line = kept["line"] | {
        "serving": int(serving),
        # Numbers handed out since are seen at once, and whoever was called has one.
        "last_number": max(kept["line"]["last_number"], int(serving), int(number or 0)),
    }
    return QueueSnapshot(
        facts=SaleFacts(**kept["facts"] | told, asked_at=asked_at - age),
        line=LineMeasurement(**line),
        draw=DrawRecord(**kept["draw"]) if kept["draw"] else None,
        ticked_at=kept["ticked_at"],
        moved_at=kept["moved_at"],
    )


def take(
    facts: SaleFacts, before: QueueSnapshot | None = None, *, is_tick: bool = True, stands_in: bool = False
) -> QueueSnapshot:
    """Take the snapshot anew, of facts that are fresh, and leave it in Redis for everyone.

    Ticks count the line now and then; so does who `stands_in` for one that is late. While a draw is at work, it would
    be counted twice over. `before` is what Redis had, where the caller has looked already.
    """
    before = before or stored(facts.schedule_id)
    last = before or _snapshots.last(facts.schedule_id)
    motion = motion_of(facts, before, is_tick=is_tick, stands_in=stands_in)
    record = record_for(facts, before)
    line = measure(
        facts.schedule_id,
        last.line if last else None,
        is_drawn=facts.drawn_at is not None,
        may_count=is_tick and not motion.is_drawing,
    )
    line = with_speed(line, before.line if before else None, now=facts.read_at.timestamp(), is_moving=motion.is_moving)
    snapshot = QueueSnapshot(facts=facts, line=line, draw=record, ticked_at=motion.ticked_at, moved_at=motion.moved_at)
    try_redis(lambda redis: save(redis, snapshot, served="" if last is None else str(last.line.serving)), None)
    _snapshots.set(facts.schedule_id, snapshot, 0)
    return snapshot


def record_for(facts: SaleFacts, before: QueueSnapshot | None) -> DrawRecord | None:
    """The record of the draw if it is known; else it is asked for, since making it reads the whole list."""
    if facts.drawn_at is None:
        return None
    if before is not None and before.draw is not None and before.facts.seed == facts.seed:
        return before.draw
    known = known_record(facts.schedule_id)
    if known is None:
        enqueue_soon("reservations.record_draw", schedule_id=facts.schedule_id)
    return known


def save(redis: Redis, snapshot: QueueSnapshot, *, served: str) -> None:
    """Leave a snapshot in Redis, unless it has a younger one by now."""
    facts = {name: value for name, value in asdict(snapshot.facts).items() if name not in UNKEPT}
    body = {
        "facts": facts,
        "line": snapshot.line,
        "draw": snapshot.draw,
        "ticked_at": snapshot.ticked_at,
        "moved_at": snapshot.moved_at,
        "age": time.monotonic() - snapshot.facts.asked_at,
    }
    read_at = str(snapshot.facts.read_at.timestamp())
    serving = str(snapshot.line.serving)
    redis.eval(
        SAVE, 1, snapshot_key(snapshot.facts.schedule_id), orjson.dumps(body), read_at, serving, served, str(KEEP_MS)
    )


def announce(schedule_id: int, serving: int | None) -> None:
    """Let everyone see at once how far an admission has come; the next snapshot has the rest."""
    if serving is not None:
        try_redis(lambda redis: redis.eval(STEP, 1, snapshot_key(schedule_id), str(serving)), None)
        _snapshots.expire(schedule_id)


def publish(schedule_ids: Iterable[int], read_facts: ReadFacts) -> None:
    """Let everyone see, and the line follow, what has just been changed about these schedules.

    A schedule without a snapshot is watched by nobody; whoever looks next takes a new one.
    """
    for each in schedule_ids:
        if stored(each) is None:
            continue
        enqueue_soon("reservations.tick_admission", schedule_id=each)
        try:
            facts = read_facts(each)
            if facts is not None:
                take(facts, is_tick=False)
        except Error as error:
            log.warning("The snapshot of schedule %s waits for the next tick: %s", each, error)


# --- How a room goes on ------------------------------------------------------------------------------


class Motion(NamedTuple):
    """How a room goes on from its last snapshot; see there for the two times.

    `is_moving` says whether what its line does now promises the next fans a speed, `is_drawing` whether its numbers are
    being drawn.
    """

    ticked_at: float
    moved_at: float
    is_moving: bool
    is_drawing: bool


def motion_of(facts: SaleFacts, before: QueueSnapshot | None, *, is_tick: bool, stands_in: bool) -> Motion:
    """How a room goes on, by facts that are fresh."""
    is_open = facts.state is SaleState.OPEN and not facts.is_paused
    is_drawing = before is not None and room_state(facts, has_lobby=before.line.has_lobby) is RoomState.DRAWING
    had_somebody = before is not None and before.line.has_anybody and not before.facts.is_paused
    moved_at = last_came(facts, before.moved_at if before and had_somebody else None, is_now=is_tick)
    ticked_at = last_came(
        facts, before.ticked_at if before and had_somebody else None, is_now=is_tick and not stands_in
    )
    has_stood_still = facts.read_at.timestamp() - moved_at > STALLED_SECONDS
    return Motion(
        ticked_at=ticked_at,
        moved_at=moved_at,
        is_moving=is_open and not has_just_changed(facts, before) and not has_stood_still,
        is_drawing=is_drawing,
    )


def last_came(facts: SaleFacts, last: float | None, *, is_now: bool) -> float:
    """When something last came, as far as is known: now, for who can't know better or where nobody waited for it."""
    now = facts.read_at.timestamp()
    return now if is_now or last is None or last > now else last


def has_just_changed(facts: SaleFacts, before: QueueSnapshot | None) -> bool:
    """Whether cap or pause changed since the last snapshot, or the draw was made: what comes in then is no speed."""
    return before is not None and (
        before.facts.max_active != facts.max_active
        or before.facts.is_paused != facts.is_paused
        or (before.facts.drawn_at is None) != (facts.drawn_at is None)
    )


# --- Measuring the line: where it stands, how many wait, how fast it moves ----------------------------


def measure(
    schedule_id: int, before: LineMeasurement | None = None, *, is_drawn: bool = False, may_count: bool = True
) -> LineMeasurement:
    """The line from PostgreSQL: one look at its ends, and now and then a count.

    Everyone below the first who waits has been served or has left. `before` is how the line was last seen. Without
    `may_count` it is counted only where it never was: whoever asks for a page doesn't wait for a walk along a million.
    """
    served = before.serving if before else 0
    params = {"schedule": schedule_id, "served": served, "is_drawn": is_drawn}
    ends = fetch_one(sql_beside(__file__, "measure_line.sql"), params)
    last, first = ends["last_number"], ends["first_waiting"]
    # It never goes back, unless the line itself did: of a database put back from a backup Redis knows nothing.
    serving = max(min(served, last), last if first is None else first - 1, ends["last_inside"])
    seen = LineMeasurement(serving, last, 0, has_lobby=ends["has_lobby"])
    if first is None and not seen.has_lobby:
        return seen
    now = ends["now"]
    if before and before.counted and (not may_count or is_counted(seen, before, now)):
        return carried(seen, before)
    return counted(seen, schedule_id, now)


def is_counted(seen: LineMeasurement, before: LineMeasurement, now: float) -> bool:
    """Whether the last count is young enough, and of the same line: fans of a lobby have no numbers to count by."""
    lasts = COUNT_SHARE * before.count_seconds
    if before.count_seconds > LONG_COUNT_SECONDS:
        lasts = max(lasts, COUNT_EVERY_SECONDS)
    # Below zero: the clock was set back.
    is_young = 0 <= now - before.counted_at < lasts
    return is_young and seen.has_lobby == before.has_lobby


def carried(seen: LineMeasurement, before: LineMeasurement) -> LineMeasurement:
    """The line with its last count carried forward by what came and went at the ends since."""
    moved = (seen.last_number - before.counted_last) - (seen.serving - before.counted_serving)
    most = before.counted if seen.has_lobby else seen.last_number - seen.serving
    return replace(
        seen,
        waiting=max(0, min(before.counted + moved, most)),
        counted=before.counted,
        counted_at=before.counted_at,
        counted_serving=before.counted_serving,
        counted_last=before.counted_last,
        count_seconds=before.count_seconds,
    )


def counted(seen: LineMeasurement, schedule_id: int, now: float) -> LineMeasurement:
    """The line, counted now, which is a time of PostgreSQL's."""
    began = time.perf_counter()
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=TokenStatus.WAITING).count()
    return replace(
        seen,
        waiting=waiting,
        counted=waiting,
        counted_at=now,
        counted_serving=seen.serving,
        counted_last=seen.last_number,
        count_seconds=time.perf_counter() - began,
    )


def with_speed(
    line: LineMeasurement, before: LineMeasurement | None, *, now: float, is_moving: bool
) -> LineMeasurement:
    """The line with its speed, measured on from `before`.

    Where nobody is let in, what was measured before promises nothing: the measuring begins anew.
    """
    samples = sampled(before.samples if before else [], line, now) if is_moving and not line.has_lobby else []
    return replace(line, samples=samples, numbers_per_minute=speed_of(samples, line.serving, now))


def sampled(samples: Samples, line: LineMeasurement, now: float) -> Samples:
    """The samples with this moment's, where one is due: only while somebody waits, for then the house is full."""
    if not line.waiting:
        return samples
    if samples and not 0 <= now - samples[-1][0] <= SPEED_GAP_SECONDS:
        # Too long ago, or in the future: the clock was set back.
        samples = []
    if samples and now - samples[-1][0] < SPEED_SAMPLE_SECONDS:
        return samples
    return [*samples, (now, line.serving)][-(SPEED_WINDOW_SECONDS // SPEED_SAMPLE_SECONDS) :]


def speed_of(samples: Samples, serving: int, now: float) -> float | None:
    """Numbers a minute over the last minutes: `serving` now against the oldest sample that counts."""
    recent = [(at, number) for at, number in samples if now - at <= SPEED_WINDOW_SECONDS]
    if not recent or now - recent[-1][0] > SPEED_GAP_SECONDS or now - recent[0][0] < SPEED_MIN_SECONDS:
        return None
    began, number = recent[0]
    # A line that has stood still says nothing of how long a wait will be.
    return round((serving - number) / (now - began) * 60, 1) if serving > number else None
