"""What every test of this app starts from."""

import pytest

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.lib.tasks import enqueuer


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet."""
    # What an earlier test set off must not reach this one.
    enqueuer.wait()
    clear_caches()


@pytest.fixture
def empty_redis():
    """For tests that ask Redis: it outlives the tests' database, whose ids begin anew."""
    client().flushdb()
