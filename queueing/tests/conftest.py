"""What every test of the waiting room starts from."""

import pytest

from concert_site.lib.cache import forget_everything
from concert_site.lib.redis import client


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet, and a Redis that knows nothing of an earlier run's schedules."""
    forget_everything()
    client().flushdb()
