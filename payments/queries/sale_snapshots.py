"""The figures of sales for whoever watches: counted at most once in two seconds, however many look, in all processes.

Redis has each sale's last figures, with the line of the last half hour in them, and a mark that says they are fresh.
Whoever finds no mark sets it and counts; whoever finds one takes what is there. Emptied or away, Redis costs a count
for each process, and a look at what the rows tell of the last half hour.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import orjson
from redis import Redis

from concert_site.lib.cache import TTLCache
from concert_site.lib.redis import try_redis
from payments.queries.sale_figures import (
    SaleFigures,
    Sample,
    as_kept,
    carried_on,
    from_kept,
    read_figures,
    read_growth,
    told_by_rows,
)

FRESH_MS = 2000
# Counting may take so much of the time: of a line of millions the figures are counted less often.
COUNT_SHARE = 20
KEEP_MS = 3_600_000
# Older than this, with somebody else at work: they may have died over it, so it is counted here.
OLD_SECONDS = 6.0
# How long a process answers from its own memory; and how long without Redis.
MEMORY_SECONDS, ALONE_SECONDS = 0.4, FRESH_MS / 1000

# The figures, for how many milliseconds they are kept still, and whether they are ours to count.
Answer = tuple[bytes | None, int, bool | None]

_memory: TTLCache[SaleFigures] = TTLCache(most=256)
_looking = threading.Lock()


def body_key(schedule_id: int) -> str:
    """Where Redis has the figures of a sale; its number changes with their shape."""
    return f"sale:{schedule_id}:figures:3"


def fresh_key(schedule_id: int) -> str:
    """The mark that the figures are fresh, or that somebody is counting them."""
    return f"sale:{schedule_id}:figures-fresh"


def figures_of(schedule_ids: Sequence[int]) -> list[SaleFigures]:
    """The figures of these sales, some two seconds old at most; those that don't exist are left out.

    No query most of the time; else one for all of them, or two.
    """
    if any(_memory.get(each) is None for each in schedule_ids):
        with _looking:
            missing = [each for each in schedule_ids if _memory.get(each) is None]
            if missing:
                read_or_count(missing)
    found = (_memory.last(each) for each in schedule_ids)
    return [each for each in found if each is not None]


def fresh_figures_of(schedule_id: int) -> SaleFigures | None:
    """The figures counted now, and shown to everybody else from now on: for who has just used a control."""
    found = count([schedule_id], {schedule_id: _memory.last(schedule_id)})
    return found[0] if found else None


def read_or_count(schedule_ids: Sequence[int]) -> None:
    """Take what Redis has, and count what it hasn't or what is to be counted again."""
    began = time.monotonic()
    nothing: list[Answer] = [(None, 0, True)] * len(schedule_ids)
    shared = try_redis(lambda redis: read_shared(redis, schedule_ids), nothing)
    before: dict[int, SaleFigures | None] = {each: _memory.last(each) for each in schedule_ids}
    to_count = []
    for schedule_id, (body, left_ms, is_ours) in zip(schedule_ids, shared, strict=True):
        found = from_kept(orjson.loads(body)) if body else None
        before[schedule_id] = found or before[schedule_id]
        age = (KEEP_MS - left_ms) / 1000
        if found is None or is_ours or not 0 <= age < OLD_SECONDS:
            to_count.append(schedule_id)
            continue
        _memory.set(schedule_id, replace(found, counted_at=began - age), MEMORY_SECONDS)
    if to_count:
        count(to_count, before)


def read_shared(redis: Redis, schedule_ids: Sequence[int]) -> list[Answer]:
    """What Redis has of each, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        for each in schedule_ids:
            pipe.get(body_key(each))
            pipe.pttl(body_key(each))
            pipe.set(fresh_key(each), 1, nx=True, px=FRESH_MS)
        answers = pipe.execute()
    return [(answers[at], answers[at + 1], answers[at + 2]) for at in range(0, len(answers), 3)]


def count(schedule_ids: Sequence[int], before: dict[int, SaleFigures | None]) -> list[SaleFigures]:
    """Count these sales now, carry their lines on, and leave them in Redis and in memory."""
    began = time.monotonic()
    counted = read_figures(schedule_ids)
    lines: dict[int, list[Sample] | None] = {}
    for each in counted:
        last = before.get(each.schedule_id)
        lines[each.schedule_id] = carried_on(each, last.samples) if last is not None else None
    unknown = [schedule_id for schedule_id, line in lines.items() if line is None]
    growth = read_growth(unknown) if unknown else {}
    found = []
    for each in counted:
        samples = lines[each.schedule_id] or told_by_rows(each, growth[each.schedule_id])
        found.append(replace(each, samples=samples, counted_at=began))
    took = time.monotonic() - began
    is_shared = try_redis(lambda redis: save(redis, found, took), otherwise=False)
    for each in found:
        _memory.set(each.schedule_id, each, MEMORY_SECONDS if is_shared else ALONE_SECONDS)
    return found


def save(redis: Redis, found: Sequence[SaleFigures], took: float) -> bool:
    """Leave figures for everybody; what took long to count passes for fresh the longer."""
    fresh_ms = max(FRESH_MS, round(1000 * COUNT_SHARE * took / max(1, len(found))))
    with redis.pipeline(transaction=False) as pipe:
        for each in found:
            pipe.set(body_key(each.schedule_id), orjson.dumps(as_kept(each)), px=KEEP_MS - round(1000 * took))
            if fresh_ms > FRESH_MS:
                pipe.set(fresh_key(each.schedule_id), 1, px=fresh_ms)
        pipe.execute()
    return True
