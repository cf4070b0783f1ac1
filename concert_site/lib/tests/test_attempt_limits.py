"""Counters of attempts, with Redis and without."""

import time

import pytest

from concert_site.lib.attempt_limits import Counter, Limit, give_back, take
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.tests.away import redis_away

TWO, THREE = Limit("two", 2, 60), Limit("three", 3, 600)


@pytest.fixture(autouse=True, params=["with Redis", "while Redis is away"])
def place(request):
    clear_caches()
    for key in client().scan_iter("{attempts}:*"):
        client().delete(key)
    if request.param == "with Redis":
        yield
    else:
        with redis_away():
            yield
    clear_caches()


def test_a_full_counter_says_how_long_to_wait():
    counter = Counter(TWO, "a")

    assert [take([counter]), take([counter])] == [0, 0]
    assert 58 < take([counter]) <= 60
    assert take([Counter(TWO, "b")]) == 0


def test_who_is_refused_by_one_counter_uses_up_nothing_of_another():
    two, three = Counter(TWO, "a"), Counter(THREE, "a")
    for _ in range(5):
        take([two, three])

    assert take([three]) == 0
    assert 598 < take([three]) <= 600


def test_an_attempt_given_back_was_never_counted():
    counter = Counter(TWO, "a")
    for _ in range(9):
        assert take([counter]) == 0
        give_back([counter])

    give_back([counter])
    assert [take([counter]), take([counter])] == [0, 0]
    assert take([counter]) > 0


def test_a_window_ends_and_the_next_is_as_long():
    counter = Counter(Limit("short", 1, 1), "a")
    assert take([counter]) == 0
    assert 0 < take([counter]) <= 1

    time.sleep(1.05)

    assert take([counter]) == 0
    assert 0 < take([counter]) <= 1


def test_nobody_is_named_in_the_key():
    assert "fan@example.com" not in Counter(TWO, "fan@example.com").key
