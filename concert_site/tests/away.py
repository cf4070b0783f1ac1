"""Services that are away, for as long as a block of a test runs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection
from django.test import override_settings
from redis.exceptions import RedisError

from concert_site.accounts.tests.concurrency import end_threads
from concert_site.lib import redis as our_redis

NOWHERE = "/nonexistent"


@contextmanager
def postgres_away(host: str = NOWHERE) -> Iterator[None]:
    """Let the next connections, of every thread, be made to `host`.

    It drops this thread's connection, so it needs a test with transaction=True.
    """
    before = connection.settings_dict["HOST"]
    end_threads()
    connection.close()
    connection.settings_dict["HOST"] = host
    try:
        yield
    finally:
        end_threads()
        connection.close()
        connection.settings_dict["HOST"] = before


@contextmanager
def redis_away() -> Iterator[None]:
    """Let Redis be where nobody listens."""
    with override_settings(REDIS_URL=f"unix://{NOWHERE}/redis.sock"):
        start_over()
        yield
        start_over()


def start_over() -> None:
    """Make the client anew from the settings, with no memory of a failure; close the one that there is."""
    if our_redis.client_of.cache_info().currsize:
        with suppress(RedisError):
            our_redis.client().close()
    our_redis.client_of.cache_clear()
    our_redis.breaker.closed_until = our_redis.broker_breaker.closed_until = 0.0
