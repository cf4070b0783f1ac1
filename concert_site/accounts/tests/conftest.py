"""What every test of accounts needs."""

import pytest
from django.conf import settings

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client


@pytest.fixture(autouse=True)
def fresh_limits():
    """allauth counts attempts in the cache, we beside it, and in this process while Redis is away."""
    redis = client()
    for pattern in (f"{settings.CACHES['default']['KEY_PREFIX']}:*", "{attempts}:*"):
        for key in redis.scan_iter(pattern):
            redis.delete(key)
    clear_caches()
