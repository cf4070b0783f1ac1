"""What the test run itself promises: no network, a Redis database for each process, lanes that nobody forgets."""

import os
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from concert_site.embedded.data_dir import PROJECT
from concert_site.tests import lanes
from concert_site.tests.committed import committed
from concert_site.tests.plugin import redis_of_worker


def test_network_is_refused():
    with pytest.raises(RuntimeError, match=r"connected to '192\.0\.2\.1'"), socket.socket() as probe:
        probe.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match=r"looked up 'example\.com'"):
        socket.getaddrinfo("example.com", 80)


@pytest.mark.parametrize(
    ("url", "of_gw1"),
    [
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=2"),
        ("redis://:secret@localhost:6379/0", "redis://:secret@localhost:6379/2"),
        ("redis://localhost", "redis://localhost/2"),
        ("rediss+sentinel://:secret@a:1,b:2/tickets/0", "rediss+sentinel://:secret@a:1,b:2/tickets/2"),
        ("redis+sentinel://a:1,b:2/tickets", "redis+sentinel://a:1,b:2/tickets/2"),
    ],
)
def test_every_process_has_a_redis_database_of_its_own(url, of_gw1):
    assert redis_of_worker(url, "gw1") == of_gw1


def test_this_run_is_one_of_mode_test_with_services():
    assert os.environ["MODE"] == "test"
    assert os.environ["DATABASE_URL"]
    assert os.environ["REDIS_URL"]


def test_a_process_is_refused_to_a_test_without_the_marker(request):
    assert not lanes.lanes_of(request.node)
    with pytest.raises(RuntimeError, match=r"pytest\.mark\.processes"):
        subprocess.run(["true"], check=True)


@pytest.mark.processes
def test_control_with_the_marker_it_starts():
    subprocess.run(["true"], check=True)


@committed
def test_who_commits_is_in_the_lane_of_storms(request):
    assert request.node.get_closest_marker("storm")


def test_modules_that_take_long_and_pages_are_in_their_lanes():
    stems = {path.stem for path in PROJECT.glob("*/**/tests/test_*.py")}
    assert stems >= {f"test_{name}" for name in lanes.LONG}
    assert {stem for stem in stems if lanes.PAGES.search(stem)} >= {"test_pages", "test_admin_seats", "test_user_admin"}
    assert not lanes.PAGES.search("test_holds")


@pytest.mark.parametrize(
    ("expression", "file", "is_left"),
    [
        ("not (browser or pages)", "browser/test_waiting.py", True),
        ("not pages", "test_pages_seats.py", True),
        ("not (browser or pages)", "test_holds.py", False),
        ("not long", "test_pages_seats.py", False),
        # Where it isn't sure by the name alone, the file is loaded.
        ("", "test_pages_seats.py", False),
        ("pages", "test_holds.py", False),
        ("not (pages and storm)", "test_pages_seats.py", False),
        ("not pages or storm", "test_pages_seats.py", False),
    ],
)
def test_a_file_of_a_lane_that_is_left_out_is_not_loaded(expression, file, is_left):
    assert lanes.leaves_out(expression, Path(file)) is is_left


def test_a_drill_that_waits_for_the_night_has_a_shorter_form():
    for name, form in lanes.NIGHTLY.items():
        assert list(PROJECT.glob(f"*/tests/test_{name}.py")), name
        assert (PROJECT / form).exists(), form


class Drill:
    """As much of a test as is asked about its lane."""

    def get_closest_marker(self, name):
        return name == "nightly"


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, 1),
        ({"markexpr": "nightly"}, 0),
        ({"keyword": "chaos"}, 0),
        ({"args": ["concert_site/tests/test_up.py"]}, 0),
    ],
)
def test_a_drill_is_left_out_of_a_run_of_everything_alone(asked, left, pytestconfig):
    gone = []
    all_of_it = {"markexpr": "", "keyword": "", "args": pytestconfig.getini("testpaths")}
    words = SimpleNamespace(**all_of_it | asked)
    hook = SimpleNamespace(pytest_deselected=lambda *, items: gone.extend(items))
    items = [Drill()]

    lanes.leave_for_the_night(
        SimpleNamespace(option=words, args=words.args, getini=pytestconfig.getini, hook=hook), items
    )

    assert (len(gone), len(items)) == (left, 1 - left)


def test_modules_that_share_a_site_stay_together():
    assert lanes.scope_of("tests/browser/test_hold.py") == "tests/browser"
    assert lanes.scope_of("tests/test_up.py") == "tests/test_up.py"
    assert lanes.scope_of("tests/running/test_lines.py") == "tests/running"
