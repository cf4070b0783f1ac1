"""Room for the frames of a call."""

import resource

from concert_site.lib.call_stack import with_room

# At some of them a chunk ends.
DEPTHS = range(200)
CALLS = 100


def call_from_every_depth() -> int:
    """How many pages of memory it takes to call something again and again, at one depth after the other."""

    def leaf() -> None:
        pass

    def descend(depth: int) -> None:
        if depth:
            descend(depth - 1)
        else:
            for _ in range(CALLS):
                leaf()

    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for depth in DEPTHS:
        descend(depth)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_no_depth_takes_memory_for_each_call() -> None:
    assert with_room(call_from_every_depth) < CALLS


def test_what_is_called_gets_what_it_is_given() -> None:
    assert with_room(int, "11", base=2) == 3
