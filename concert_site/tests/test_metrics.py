"""What Prometheus is told: by whom it may be asked, what it costs, and that no sum goes back when a process dies."""

import asyncio
import errno
import os
import time
from itertools import count
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from concert_site.front import scopes
from concert_site.front.handlers import ApiHandler, Dispatcher, SiteHandler
from concert_site.front.lanes import Lane
from concert_site.front.server import Front
from concert_site.lib import metrics
from concert_site.lib.cache import clear_caches
from concert_site.operations import metrics_page, site_figures
from concert_site.operations.metrics_page import MetricsPage, fold_ended, is_allowed, this_host
from concert_site.tests.away import redis_away
from concert_site.tests.rsgi_client import ask
from payments.tests.scenes import make_paid
from queueing.tests.factories import make_line
from reservations.domain import waiting_room
from reservations.tests.factories import make_schedule, make_seats

TOKEN = "a-token-of-some-length"
NUMBERS = count(2**22 + 1)


@pytest.fixture
def folder(tmp_path):
    """A folder of counts, with this process counting."""
    metrics.begin("web", tmp_path)
    yield tmp_path
    metrics.end()


def told(page):
    """What the page says: value by name and labels."""
    return {
        (sample.name.removeprefix("frontrow_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def answers(*requests):
    """The answers of a front to requests, (path, options), one after the other."""

    async def each():
        front = Front(Dispatcher(SiteHandler(), ApiHandler()))
        front.__rsgi_init__(asyncio.get_running_loop())
        try:
            return [await ask(front, path, **options) for path, options in requests]
        finally:
            front.__rsgi_del__(asyncio.get_running_loop())

    clear_caches()
    scopes.is_allowed.cache_clear()
    return asyncio.run(each())


def write_counts(folder, process, number):
    """The file of a process that has counted so many joins, and has so many threads at work."""
    for kind, name in (("counter", "frontrow_joins_total"), ("gauge_livesum", "frontrow_lane_waiting")):
        file = MmapedDict(str(folder / f"{kind}_{process}.db"))
        file.write_value(mmap_key(name.removesuffix("_total"), name, [], [], ""), number, 0)
        file.close()


def pid_of_the_dead():
    """A number above all that Linux gives, another each time."""
    return next(NUMBERS)


@pytest.mark.django_db(transaction=True)
def test_a_request_that_can_not_be_counted_is_answered(folder, caplog):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    # Each thread of the lane has taken one, and would have died of it.
    paths = [("/api/v1/concerts/", {})] * 4

    found = answers(*paths)

    assert [answer.status for answer in found] == [200] * 4
    assert [record.levelname for record in caplog.records if "METRICS_DIR" in record.message] == ["WARNING"]


def test_a_full_disk_ends_no_process_that_counts(folder, monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    metrics.JOINS.add()
    monkeypatch.setattr(os, "posix_fallocate", full)
    for number in range(2000):
        metrics.REFUSALS.add(f"code {number}")
    metrics.JOINS.add()
    told_then = told(metrics_page.counts(folder))

    # What had room is there, and nothing was written beyond what the disk had given.
    assert told_then["joins_total",] == 2
    assert 100 < sum(name == "refusals_total" for name, *_ in told_then) < 2000
    assert {path.stat().st_size for path in folder.iterdir()} == {65_536}


def test_a_process_that_can_make_no_files_works_on_uncounted(tmp_path, monkeypatch, caplog):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    metrics.begin("web", tmp_path)
    metrics.JOINS.add()

    assert "This process isn't counted" in caplog.text
    assert metrics.REQUESTS._metric is None
    # An empty file would spoil the page of all others.
    assert list(tmp_path.iterdir()) == []


def test_until_it_is_begun_nothing_is_counted_and_no_file_made(tmp_path):
    metrics.begin("web", None)
    metrics.JOINS.add()

    assert metrics.JOINS._metric is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_requests_are_counted_by_route_and_never_by_what_was_sent(folder):
    schedule = make_schedule()
    answers(("/made-up-by-somebody/", {}), (f"/api/v1/schedules/{schedule.pk}/", {}), ("/", {"method": "BREW"}))

    found = told(metrics_page.counts(folder))

    assert found["http_requests_total", "404", "GET", "unknown"] == 1
    assert found["http_requests_total", "/api/v1/schedules/<id:pk>/", "200", "GET"] == 1
    assert found["http_request_seconds_count", "unknown"] == 2
    assert found["refusals_total", "not_found"] == 1
    assert not any("somebody" in str(key) or "BREW" in str(key) for key in found)


def test_polls_are_counted_without_a_thread(folder):
    front = SimpleNamespace(lanes={}, polls=3, repeats=2)
    Front._note_levels(front)

    found = told(metrics_page.counts(folder))
    assert (found["http_repeated_total", "progress"], found["http_repeated_total", "unchanged"]) == (3, 2)
    assert front.polls == 0


def test_the_first_mail_that_a_server_does_not_take_is_an_increase(folder):
    before = told(metrics_page.counts(folder))["mails_total", "server_away"]
    metrics.MAILS.add("server_away")

    assert (before, told(metrics_page.counts(folder))["mails_total", "server_away"]) == (0, 1)


def test_the_first_refusal_of_a_lane_is_an_increase(folder):
    lane = Lane("main", threads=1, waiting=0, seconds=1)
    lane.note_levels()
    before = told(metrics_page.counts(folder))["lane_refused_total", "main"]

    assert not lane.submit(SimpleNamespace())
    assert (before, told(metrics_page.counts(folder))["lane_refused_total", "main"]) == (0, 1)


def test_counters_of_ended_processes_stay_and_their_gauges_go(folder):
    metrics.JOINS.add()
    write_counts(folder, f"web-{this_host()}-{pid_of_the_dead()}", 5)
    write_counts(folder, f"web-{this_host()}-{pid_of_the_dead()}", 7)
    write_counts(folder, f"web-another.host-{pid_of_the_dead()}", 100)

    fold_ended(folder)
    fold_ended(folder)

    found = told(metrics_page.counts(folder))
    assert found["joins_total",] == 1 + 5 + 7 + 100
    # Of another host nobody here knows whether it lives.
    assert found["lane_waiting",] == 100
    # Of this process, of the other host's, and one for all of the dead.
    assert len(list(folder.glob("counter_*.db"))) == 3


def test_a_file_that_was_cut_off_takes_nothing_else_along(folder):
    metrics.JOINS.add()
    (folder / f"counter_web-{this_host()}-{pid_of_the_dead()}.db").write_bytes(b"\xff" * 100)

    fold_ended(folder)

    assert told(metrics_page.counts(folder))["joins_total",] == 1


@pytest.mark.django_db(transaction=True)
def test_the_page_is_for_who_has_the_token_and_is_not_there_for_others(folder):
    with override_settings(METRICS_TOKEN=TOKEN, METRICS_DIR=folder):
        right, wrong, none = answers(
            ("/metrics", {"authorization": f"Bearer {TOKEN}"}),
            ("/metrics", {"authorization": f"Bearer {TOKEN}x"}),
            ("/metrics", {}),
        )
    (off,) = answers(("/metrics", {"authorization": f"Bearer {TOKEN}"}))

    assert (right.status, wrong.status, none.status, off.status) == (200, 404, 404, 404)
    assert right.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert told(right.body)["postgres_up",] == 1


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN[:-1]}", "Bearer é"])
def test_whatever_is_no_token_is_none(settings, said):
    settings.METRICS_TOKEN = TOKEN

    assert not is_allowed(said)
    assert is_allowed(f"bearer {TOKEN}")


@pytest.mark.django_db(transaction=True)
def test_the_page_says_how_lines_mails_and_money_stand(folder):
    schedule = make_schedule(queue_max_active=2)
    make_seats(schedule, 5)
    make_line(schedule, 3)
    make_paid()
    waiting_room.tick(schedule.pk)

    found = told(MetricsPage(folder).render())

    assert (found["line_waiting", str(schedule.pk)], found["line_cap", str(schedule.pk)]) == (1, 2)
    assert 0 <= found["tick_age_seconds", str(schedule.pk)] < 5
    assert found["admissions_total", "tick"] == 2
    assert found["owed_mails", "confirmed"] == 1
    assert (found["postgres_up",], found["redis_up",]) == (1, 1)
    assert found["processes", "web"] == 1


@pytest.mark.django_db(transaction=True)
def test_the_figures_are_the_same_few_statements_however_much_is_owed():
    def statements():
        with CaptureQueriesContext(connection) as caught:
            site_figures.read_postgres()
        return len(caught)

    connection.ensure_connection()
    before = statements()
    for _ in range(3):
        make_paid()

    assert statements() == before
    assert before <= 26


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_page_says_so_in_time(folder):
    page = MetricsPage(folder)
    with redis_away():
        began = time.monotonic()
        found = told(page.render())

    assert time.monotonic() - began < 3
    assert (found["postgres_up",], found["redis_up",]) == (1, 0)
    assert found["owed_mails", "confirmed"] == 0


def test_a_silent_postgresql_holds_up_no_scrape(folder, monkeypatch):
    monkeypatch.setattr(site_figures, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(site_figures, "read_postgres", lambda: time.sleep(0.5) or [])
    page = MetricsPage(folder)

    began = time.monotonic()
    found = told(page.render())

    assert time.monotonic() - began < 0.4
    assert found["postgres_up",] == 0


def test_every_count_is_named_once_and_described():
    names = [each.name for each in metrics.Metric.every]

    assert len(names) == len(set(names))
    assert all(each.what and each.name.startswith("frontrow_") for each in metrics.Metric.every)


def test_the_disk_of_a_folder_that_is_not_made_yet_is_watched(settings, tmp_path):
    settings.DATA_DIR = settings.METRICS_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media" / "posters"

    shares = dict(metrics_page.free_space())

    assert set(shares) == {"data", "media", "metrics"}
    assert 0 <= shares["media"] <= 1
