"""What the tests of money from outside share: a provider's server, the classes that ask it, one that signs."""

import pytest

from wallet.providers import provider_named, stripe_errors
from wallet.providers import stripe as stripe_module
from wallet.providers.breaker import ProviderBreaker
from wallet.providers.stripe import Stripe
from wallet.providers.toss import Toss
from wallet.tests.card_provider import Card
from wallet.tests.provider_server import provider_server
from wallet.tests.signed_provider import Signed

# Long enough for an answer from a busy machine; and, where the test has none come, short enough to wait for it.
PATIENCE_SECONDS = 30
SILENCE_SECONDS = 0.25


@pytest.fixture(scope="session")
def running_provider():
    with provider_server() as running:
        yield running


@pytest.fixture
def server(running_provider, settings, monkeypatch):
    """Empty books, and the site's settings that lead there; the library asks once."""
    running_provider.__init__(url=running_provider.url)
    for name, value in running_provider.settings().items():
        setattr(settings, name, value)
    settings.PROVIDER_TIMEOUT = PATIENCE_SECONDS
    fail = running_provider.fail

    def client_for_silence(stripe):
        is_silent = any(fault.kind == "silence" and fault.times for fault in running_provider.faults)
        return stripe.client_for(SILENCE_SECONDS if is_silent else PATIENCE_SECONDS, retries=0)

    def fail_and_wait_for_it(kind, *where, **how):
        if kind == "silence":
            settings.PROVIDER_TIMEOUT = SILENCE_SECONDS
            # Whoever has asked before has a client of the longer patience.
            monkeypatch.setattr(Stripe, "client", property(client_for_silence))
        fail(kind, *where, **how)

    monkeypatch.setattr(running_provider, "fail", fail_and_wait_for_it)
    monkeypatch.setattr(stripe_module, "RETRIES", 0)
    monkeypatch.setattr(stripe_errors, "BREAKER", ProviderBreaker())
    yield running_provider
    # Whoever still waits in vain goes on.
    running_provider.stopping.set()


@pytest.fixture
def stripe(server):
    return Stripe()


@pytest.fixture
def toss(server):
    return Toss()


def in_force(settings, kind):
    """Have a new one of this kind as the provider."""
    settings.WALLET_PROVIDER = kind.name
    provider_named.cache_clear()
    yield provider_named(kind.name)
    provider_named.cache_clear()


@pytest.fixture
def signed(settings) -> Signed:
    """The provider in force: one that sends signed messages."""
    yield from in_force(settings, Signed)


@pytest.fixture
def card(settings) -> Card:
    """The provider in force: one that collects at once, and does with refunds as it is told."""
    yield from in_force(settings, Card)


@pytest.fixture
def without_limits(settings):
    settings.THROTTLE = False
