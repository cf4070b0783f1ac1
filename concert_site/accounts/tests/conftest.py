"""What every test of accounts needs."""

import pytest
from django.conf import settings

from concert_site.lib.redis import client


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """A hash that costs nothing: these tests judge who may log in, not how slowly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_limits():
    """allauth counts attempts by address, in the cache."""
    redis = client()
    for key in redis.scan_iter(f"{settings.CACHES['default']['KEY_PREFIX']}:*"):
        redis.delete(key)
