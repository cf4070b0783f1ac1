"""Redis, which may be away: it is asked quickly, and after a failure not again for a second."""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import RedisError
from redis.retry import Retry

from concert_site.lib.errors import Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

REST_SECONDS = 1.0


class Away(RedisError):
    """Redis failed less than a second ago and is left alone."""


class Client(redis.Redis):
    """Redis' own, whose scripts go over a connection that each thread keeps: a third of the work of taking one.

    A thread that ends takes its connection along.
    """

    def __init__(self, **options: Any) -> None:  # Any: redis-py's own
        super().__init__(**options)
        self._kept = threading.local()

    def eval(self, script: str, numkeys: int, *keys_and_args: object) -> Any:  # Any: what the script answers
        """Run a script in one round trip; a second one where the connection was closed meanwhile.

        :raises RedisError: if that fails as well
        """
        connection = self._connection()
        command = packed("EVAL", script, numkeys, *keys_and_args)
        return connection.retry.call_with_retry(lambda: asked(connection, command), connection.disconnect)

    def _connection(self) -> Connection:
        kept: Connection | None = getattr(self._kept, "connection", None)
        # Whoever forks leaves its connections to the parent.
        if kept is None or kept.pid != os.getpid():
            pool = self.connection_pool
            kept = self._kept.connection = pool.connection_class(**pool.connection_kwargs)
        return kept


def asked(connection: Connection, command: bytes) -> Any:  # Any: as above
    """What Redis answers to a command."""
    connection.send_packed_command([command], check_health=False)  # type: ignore[no-untyped-call]
    return connection.read_response()


def packed(*words: object) -> bytes:
    """A command as Redis reads it."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])


@cache
def client() -> redis.Redis:
    """The client of this process; threads share its connections. One retry, for a connection closed meanwhile."""
    return Client.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


class Breaker:
    """Remembers that Redis is away, so that requests don't queue up behind its timeouts."""

    def __init__(self) -> None:
        self.closed_until = 0.0

    def call(self, step: Callable[[], T]) -> T:
        """Run `step`, which talks to Redis.

        :raises RedisError: if it fails, or failed within the last second
        """
        if time.monotonic() < self.closed_until:
            raise Away
        try:
            return step()
        except RedisError as error:
            if not isinstance(error, redis.ResponseError):
                log.warning("Redis is away: %s", error)
                self.closed_until = time.monotonic() + REST_SECONDS
            raise


breaker = Breaker()


def try_redis(step: Callable[[redis.Redis], T], otherwise: T) -> T:
    """What Redis answers to `step`, or `otherwise` while it is away."""
    try:
        return breaker.call(lambda: step(client()))
    except RedisError:
        return otherwise


def require_redis(step: Callable[[redis.Redis], T]) -> T:
    """What Redis answers to `step`.

    :raises Unavailable: while it is away
    """
    try:
        return breaker.call(lambda: step(client()))
    except RedisError as error:
        raise Unavailable from error
