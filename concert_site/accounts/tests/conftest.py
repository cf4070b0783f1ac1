"""What every test of accounts needs."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """A hash that costs nothing: these tests judge who may log in, not how slowly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_limits():
    """allauth counts attempts by address in the cache."""
    cache.clear()
