"""What every test of this app starts from."""

import pytest

from concert_site.lib.cache import forget_everything
from concert_site.lib.redis import client
from concert_site.lib.tasks import hurries


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet."""
    # What an earlier test set off must not reach this one.
    hurries.wait()
    forget_everything()


@pytest.fixture
def empty_redis():
    """For tests that ask Redis: it outlives the tests' database, whose ids begin anew."""
    client().flushdb()
