"""The memory of a process: one build at a time, and never too much of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from concert_site.lib.cache import TTLCache, clear_caches


class Source:
    """Counts how often it is asked."""

    def __init__(self, seconds=60.0, takes=0.0):
        self.asked = 0
        self.seconds = seconds
        self.takes = takes

    def __call__(self):
        self.asked += 1
        time.sleep(self.takes)
        return self.asked, self.seconds


def test_value_is_built_once_while_it_is_good():
    memory, source = TTLCache(), Source()

    assert [memory.get_or_build("key", source) for _ in range(3)] == [1, 1, 1]


def test_value_is_built_anew_when_it_is_over():
    memory, source = TTLCache(), Source(seconds=0.02)
    memory.get_or_build("key", source)

    time.sleep(0.03)

    assert memory.get_or_build("key", source) == 2


def test_many_threads_build_it_once():
    memory, source, start = TTLCache(), Source(takes=0.05), Barrier(8)

    def ask():
        start.wait()
        return memory.get_or_build("key", source)

    with ThreadPoolExecutor(8) as threads:
        answers = [future.result() for future in [threads.submit(ask) for _ in range(8)]]

    assert (answers, source.asked) == ([1] * 8, 1)


def test_without_the_memory_many_threads_build_it_many_times():
    """The control of the test above."""
    source, start = Source(takes=0.05), Barrier(8)

    def ask():
        start.wait()
        return source()

    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(ask) for _ in range(8)]:
            future.result()

    assert source.asked == 8


def test_other_keys_do_not_wait():
    memory, slow, quick = TTLCache(), Source(takes=0.5), Source()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(memory.get_or_build, "slow", slow)
        begun = time.monotonic()
        memory.get_or_build("quick", quick)
        assert time.monotonic() - begun < 0.4
        waiting.result()


def test_what_was_built_longest_ago_makes_room():
    memory, source = TTLCache(most=2), Source()
    for key in ("a", "b", "c"):
        memory.get_or_build(key, source)

    assert memory.get_or_build("c", source) == 3
    assert memory.get_or_build("b", source) == 2
    assert memory.get_or_build("a", source) == 4


def test_building_again_drives_nothing_out():
    memory = TTLCache(most=2)
    memory.get_or_build("a", Source())
    memory.get_or_build("b", Source(seconds=0))
    memory.get_or_build("b", Source())

    assert memory.get_or_build("a", lambda: ("anew", 60)) == 1


def test_a_failed_build_leaves_nothing_behind():
    memory = TTLCache()

    def fail():
        raise OSError

    with pytest.raises(OSError):
        memory.get_or_build("key", fail)

    assert memory.get_or_build("key", Source()) == 1
    assert memory._locks == {}


def test_cleared_caches_build_anew():
    memory, source = TTLCache(), Source()
    memory.get_or_build("key", source)

    clear_caches()

    assert memory.get_or_build("key", source) == 2
