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
from redis.connection import Connection
from redis.exceptions import ClusterError, ReadOnlyError, RedisError, ResponseError

from concert_site.embedded import redis_clients
from concert_site.lib import metrics
from concert_site.lib.errors import Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

REST_SECONDS = 1.0


class RedisAway(RedisError):
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

    def close(self) -> None:
        """Close what this thread keeps, too."""
        super().close()
        if kept := getattr(self._kept, "connection", None):
            kept.disconnect()

    def _connection(self) -> Connection:
        kept: Connection | None = getattr(self._kept, "connection", None)
        # Whoever forks leaves its connections to the parent.
        if kept is None or kept.pid != os.getpid():
            pool = self.connection_pool
            kept = self._kept.connection = pool.connection_class(**pool.connection_kwargs)
        return kept


def asked(connection: Connection, command: bytes) -> Any:  # Any: as above
    """What Redis answers to a command."""
    if not connection.is_connected:
        # Said aloud, since only so are sentinels asked who the master is.
        connection.connect()  # type: ignore[no-untyped-call]  # as redis-py has it
    connection.send_packed_command([command], check_health=False)  # type: ignore[no-untyped-call]
    return connection.read_response()


def packed(*words: object) -> bytes:
    """A command as Redis reads it."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])


def connect(url: str, *, timeout: float) -> redis.Redis:
    """A client of the Redis, the sentinels or the cluster at an address; each call waits so many seconds at most.

    :raises RedisError: for a cluster of which no node answers
    """
    return redis_clients.connect(
        url,
        settings.REDIS_TLS_FILES,
        sentinel_password=settings.REDIS_SENTINEL_PASSWORD,
        timeout=timeout,
        client_class=Client,
    )


@cache
def client_of(url: str) -> redis.Redis:
    """The client of this process at an address; threads share its connections."""
    return connect(url, timeout=settings.REDIS_TIMEOUT_SECONDS)


def client() -> redis.Redis:
    """The client of this process for everything but Celery's queues.

    :raises RedisError: for a cluster of which no node answers
    """
    return client_of(settings.REDIS_URL)


def broker_client() -> redis.Redis:
    """The client of this process where Celery's queues are: mostly the same."""
    return client_of(settings.BROKER_URL or settings.REDIS_URL)


class RedisBreaker:
    """Remembers that Redis is away, so that requests don't queue up behind its timeouts."""

    def __init__(self) -> None:
        self.closed_until = 0.0

    def call(self, step: Callable[[], T]) -> T:
        """Run `step`, which talks to Redis.

        :raises RedisError: if it fails, or failed within the last second
        """
        if time.monotonic() < self.closed_until:
            raise RedisAway
        try:
            return step()
        except RedisError as error:
            metrics.REDIS_ERRORS.add(kind_of(error))
            if is_away(error):
                log.warning("Redis is away: %s", error)
                self.closed_until = time.monotonic() + REST_SECONDS
            raise


def is_away(error: RedisError) -> bool:
    """Whether an error says that nobody is there to ask, which includes a cluster without a part of its slots."""
    return isinstance(error, (ClusterError, ReadOnlyError)) or not isinstance(error, ResponseError)


def kind_of(error: RedisError) -> str:
    """What went wrong with Redis, in a word."""
    if isinstance(error, redis.TimeoutError):
        return "timeout"
    if isinstance(error, redis.ConnectionError):
        return "connection"
    return "refused" if isinstance(error, ResponseError) else "other"


breaker = RedisBreaker()
# Of Celery's Redis, where that is another one.
broker_breaker = RedisBreaker()


def try_redis(step: Callable[[redis.Redis], T], otherwise: T) -> T:
    """What Redis answers to `step`, or `otherwise` while it is away."""
    try:
        return breaker.call(lambda: step(client()))
    except RedisError:
        return otherwise


def try_broker(step: Callable[[redis.Redis], T], otherwise: T) -> T:
    """What Celery's Redis answers to `step`, or `otherwise` while it is away."""
    try:
        return (broker_breaker if settings.BROKER_URL else breaker).call(lambda: step(broker_client()))
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
