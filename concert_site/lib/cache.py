"""Caches: Django's over Redis, which survives its loss, and a small one in each process for public answers."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import RedisError

from concert_site.lib.redis import breaker, client

K = TypeVar("K")
T = TypeVar("T")


class OurCacheClient(RedisCacheClient):
    """Django's, over the client of this process: of a server, of whichever sentinels name, or of a cluster."""

    def get_client(self, key: Any = None, *, write: bool = False) -> Redis:  # Any: Django's signature
        return client()


class FailOpenRedisCache(RedisCache):
    """Django's cache in Redis. While Redis is away every read misses and every write is forgotten.

    With it, throttles let pass and sessions are read from PostgreSQL, as if nothing had been cached.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:  # Any: Django's signature
        super().__init__(server, params)
        self._class = OurCacheClient

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:  # Any: Django's signature
        """Read, or miss."""
        try:
            return breaker.call(lambda: super(FailOpenRedisCache, self).get(key, default, version))
        except RedisError:
            return default


# What the other methods answer while Redis is away. What was to be added counts as added: who asks wants to go on.
OTHERWISE: dict[str, Callable[[], object]] = {
    "get_many": dict,
    "add": lambda: True,
    "set": lambda: None,
    "set_many": list,
    "touch": lambda: False,
    "delete": lambda: False,
    "delete_many": lambda: None,
    "has_key": lambda: False,
}


def fail_open(method: Callable[..., Any], otherwise: Callable[[], object]) -> Callable[..., Any]:  # Any: Django's own
    """A method of Django's cache that is not missed while Redis is away."""

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:  # Any: as above
        try:
            return breaker.call(lambda: method(*args, **options))
        except RedisError:
            return otherwise()

    return call


for name, otherwise in OTHERWISE.items():
    setattr(FailOpenRedisCache, name, fail_open(getattr(RedisCache, name), otherwise))


def keep_newest(kept: dict[K, T], key: K, value: T, *, most: int) -> None:
    """Keep a value among so many: what was made longest ago goes, not what was first asked for."""
    kept.pop(key, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value


class TTLCache(Generic[T]):
    """A small cache of this process, with a lifetime a value; what is missing is built by one thread at a time.

    It bounds what an empty or absent Redis costs PostgreSQL: one build a key and lifetime in each process.
    """

    def __init__(self, *, most: int = 512) -> None:
        self.most = most
        self._values: dict[object, tuple[float, T]] = {}
        # One for each value that is being built this moment.
        self._locks: dict[object, threading.Lock] = {}
        self._changing = threading.Lock()
        caches.add(self)

    def get_or_build(self, key: object, build: Callable[[], tuple[T, float]]) -> T:
        """The value kept under `key`, or what `build` answers: the value and for how many seconds it is good."""
        found = self._fresh(key)
        if found is not None:
            return found[1]
        with self._locks.setdefault(key, threading.Lock()):
            found = self._fresh(key)
            if found is not None:
                return found[1]
            try:
                value, seconds = build()
                self._store(key, value, time.monotonic() + seconds)
            finally:
                self._locks.pop(key, None)
            return value

    def get(self, key: object) -> T | None:
        """The value kept under `key`, if there is one and it is still good."""
        found = self._fresh(key)
        return found[1] if found is not None else None

    def set(self, key: object, value: T, seconds: float) -> None:
        """Keep a value that was built elsewhere, for so many seconds."""
        self._store(key, value, time.monotonic() + seconds)

    def last(self, key: object) -> T | None:
        """What was last kept under `key`, good or not."""
        found = self._values.get(key)
        return found[1] if found is not None else None

    def expire(self, key: object) -> None:
        """Have one value built anew at the next call; until then `last` has it."""
        with self._changing:
            if key in self._values:
                self._values[key] = (0.0, self._values[key][1])

    def clear(self) -> None:
        with self._changing:
            self._values.clear()

    def _fresh(self, key: object) -> tuple[float, T] | None:
        found = self._values.get(key)
        return found if found is not None and found[0] > time.monotonic() else None

    def _store(self, key: object, value: T, until: float) -> None:
        with self._changing:
            keep_newest(self._values, key, (until, value), most=self.most)


caches: WeakSet["TTLCache[Any]"] = WeakSet()  # Any: values of any type


def clear_caches() -> None:
    """Drop what this process has cached, as if it had just started; tests start so."""
    for cache in caches:
        cache.clear()
