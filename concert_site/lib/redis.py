"""Redis, which may be away: it is asked quickly, and after a failure not again for a second."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from concert_site.lib.errors import Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

REST_SECONDS = 1.0


class Away(RedisError):
    """Redis failed less than a second ago and is left alone."""


@cache
def client() -> redis.Redis:
    """The client of this process; threads share its connections. One retry, for a connection closed meanwhile."""
    return redis.Redis.from_url(
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
