"""While servers are changed beneath the tests, none runs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from concert_site.tests import intermission

TOO_SOON = 0.2


def run(block, begun, end):
    with block:
        begun.set()
        assert end.wait(10)


def test_an_intermission_waits_for_the_tests_that_run_and_keeps_others_back(tmp_path):
    on_stage, cleared, next_on_stage = Event(), Event(), Event()
    first_ends, cleared_ends, at_once = Event(), Event(), Event()
    at_once.set()
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(run, intermission.on_stage(tmp_path), on_stage, first_ends)]
        assert on_stage.wait(10)
        done.append(pool.submit(run, intermission.of(tmp_path), cleared, cleared_ends))
        assert not cleared.wait(TOO_SOON)
        done.append(pool.submit(run, intermission.on_stage(tmp_path), next_on_stage, at_once))
        assert not next_on_stage.wait(TOO_SOON)

        first_ends.set()
        assert cleared.wait(10)
        assert not next_on_stage.wait(TOO_SOON)

        cleared_ends.set()
        assert next_on_stage.wait(10)
    assert [each.result() for each in done] == [None] * 3
