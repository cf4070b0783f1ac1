"""What the tests of money from outside share."""

import pytest

from wallet.providers import provider_named
from wallet.tests.signed_provider import Signed


@pytest.fixture
def signed(settings) -> Signed:
    """The provider in force: one that sends signed messages."""
    settings.WALLET_PROVIDER = Signed.name
    provider_named.cache_clear()
    yield provider_named(Signed.name)
    provider_named.cache_clear()
