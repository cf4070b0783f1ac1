"""Counters of what may be tried only so often: in Redis, and in this process while Redis is away.

Unlike the budgets of concert_site.lib.rate_limits these never stand open: guessing would be free while Redis is
away.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from concert_site.lib.cache import TTLCache
from concert_site.lib.idempotency import request_hash
from concert_site.lib.redis import try_redis

# All or none: who is refused by one counter uses up nothing of the others, and waits for the one that is full longest.
TAKE = """
local wait = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
if wait > 0 then
    return wait
end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then
        redis.call('PEXPIRE', key, ARGV[2 * i])
    end
end
return 0
"""
GIVE_BACK = """
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') > 0 then
        redis.call('DECR', key)
    end
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many attempts, counted from the first, within so many seconds."""

    name: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Counter:
    """One limit, for one subject."""

    limit: Limit
    subject: str

    @property
    def key(self) -> str:
        """Where it is kept; whom it is about is not to be read there. In braces what a cluster keeps together."""
        return f"{{attempts}}:{self.limit.name}:{request_hash({'subject': self.subject})[:32]}"


_here: TTLCache[tuple[int, float]] = TTLCache(most=20_000)
_changing = threading.Lock()


def take(counters: Sequence[Counter]) -> float:
    """Count one attempt with each of `counters`, before it is known how it ends.

    Counted first and given back after, so that a hundred at once are not more than a hundred in a row.

    :returns: 0, or the seconds to wait if one of them is full; then nothing was counted
    """
    if not counters:
        return 0
    seconds = try_redis(lambda redis: _take_in_redis(redis, counters), None)
    return _take_here(counters) if seconds is None else seconds


def give_back(counters: Sequence[Counter]) -> None:
    """Take an attempt back that turned out to be none."""
    if not counters:
        return
    keys = [counter.key for counter in counters]
    if not try_redis(lambda redis: redis.eval(GIVE_BACK, len(keys), *keys), 0):
        _give_back_here(keys)


def _take_in_redis(redis: Redis, counters: Sequence[Counter]) -> float:
    keys = [counter.key for counter in counters]
    limits = [number for counter in counters for number in (counter.limit.most, counter.limit.seconds * 1000)]
    return int(redis.eval(TAKE, len(keys), *keys, *limits)) / 1000


def _take_here(counters: Sequence[Counter]) -> float:
    now = time.monotonic()
    with _changing:
        found = [_here.get(counter.key) or (0, now + counter.limit.seconds) for counter in counters]
        waits = [
            until - now for counter, (count, until) in zip(counters, found, strict=True) if count >= counter.limit.most
        ]
        if waits:
            return max(waits)
        for counter, (count, until) in zip(counters, found, strict=True):
            _here.set(counter.key, (count + 1, until), until - now)
    return 0


def _give_back_here(keys: Sequence[str]) -> None:
    now = time.monotonic()
    with _changing:
        for key in keys:
            count, until = _here.get(key) or (0, now)
            if count > 0:
                _here.set(key, (count - 1, until), until - now)
