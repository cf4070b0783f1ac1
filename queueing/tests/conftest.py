"""What every test of the waiting room starts from."""

import pytest

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.lib.tasks import enqueuer


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet, and a Redis that knows nothing of an earlier run's schedules."""
    # What an earlier test set off must not reach this one.
    enqueuer.wait()
    clear_caches()
    client().flushdb()
