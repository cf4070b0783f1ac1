"""A provider that leaves everybody waiting isn't asked for a while, and then by one."""

import pytest

from wallet.providers import breaker
from wallet.providers.base import ProviderAway, ProviderRefused, ProviderStatus
from wallet.providers.breaker import ProviderBreaker
from wallet.tests.provider_orders import make_order


class Clock:
    """Time that passes as told."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


def ask(found, clock, error, seconds):
    """Ask, and get this after so long."""
    with found.watched():
        clock.now += seconds
        raise error


def wait_in_vain(found, clock, seconds=8.0):
    with pytest.raises(ProviderAway) as away:
        ask(found, clock, ProviderAway("timeout"), seconds)
    return away.value.code


def test_after_three_in_vain_nobody_asks_and_then_one_tries(clock):
    found = ProviderBreaker()
    assert [wait_in_vain(found, clock) for _ in range(4)] == ["timeout"] * 3 + ["resting"]

    clock.now += 5.1
    with found.watched():
        # While this one tries, the others don't.
        assert wait_in_vain(found, clock, 0) == "resting"

    assert [wait_in_vain(found, clock) for _ in range(2)] == ["timeout"] * 2


def test_one_that_tries_in_vain_keeps_it_open(clock):
    found = ProviderBreaker()
    for _ in range(3):
        wait_in_vain(found, clock)
    clock.now += 5.1

    assert [wait_in_vain(found, clock) for _ in range(2)] == ["timeout", "resting"]


@pytest.mark.parametrize("error", [ProviderAway("api_error"), ProviderRefused("card_declined")])
def test_quick_errors_and_refusals_keep_nobody_from_asking(clock, error):
    found = ProviderBreaker()
    for _ in range(10):
        with pytest.raises(type(error), match=error.code):
            ask(found, clock, error, 0.2)


def test_a_refusal_is_an_answer(clock):
    found = ProviderBreaker()
    for _ in range(5):
        wait_in_vain(found, clock)
        wait_in_vain(found, clock)
        with pytest.raises(ProviderRefused):
            ask(found, clock, ProviderRefused("card_declined"), 8.0)


@pytest.mark.parametrize("provider", ["stripe", "toss"])
def test_a_provider_that_hangs_is_left_alone(request, server, monkeypatch, provider):
    asked = request.getfixturevalue(provider)
    monkeypatch.setattr(breaker, "SLOW_SECONDS", 0.1)
    server.fail("silence", times=3)
    order = make_order()

    for _ in range(4):
        with pytest.raises(ProviderAway) as away:
            asked.look_up(order, "pi_1")

    assert (away.value.code, len(server.asked)) == ("resting", 3)
    monkeypatch.setattr(breaker, "REST_SECONDS", 0.0)
    monkeypatch.setattr("wallet.providers.stripe_errors.BREAKER.open_until", 0.0)
    if provider == "toss":
        asked.api.breaker.open_until = 0.0
    assert asked.look_up(order, "pi_1").status == ProviderStatus.UNKNOWN
