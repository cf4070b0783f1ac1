"""How old the newest backup is, and how far the replica is behind, as Prometheus is told."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from concert_site.lib.database.replica import LagWatch
from concert_site.operations import copy_figures
from concert_site.operations.backup.archive_names import name_at
from concert_site.operations.copy_figures import CopyFigures

HOUR = 3600


def told(figures):
    return {
        sample.name.removeprefix("frontrow_"): sample.value for family in figures.collect() for sample in family.samples
    }


def test_a_house_without_replica_and_backups_is_told_nothing_of_them(settings):
    settings.BACKUP_TO = ""

    assert told(CopyFigures()) == {}


def test_the_newest_backup_counts_and_a_draft_does_not(settings, tmp_path):
    settings.BACKUP_TO = str(tmp_path)
    for hours in (50, 26, 75):
        (tmp_path / name_at(datetime.now(UTC) - timedelta(hours=hours))).touch()
    (tmp_path / f"{name_at(datetime.now(UTC))}.partial").touch()

    assert told(CopyFigures())["backup_age_seconds"] == pytest.approx(26 * HOUR, abs=5)


@pytest.mark.parametrize("place", ["", "not-there", "file"])
def test_a_store_without_backups_or_that_can_not_be_read_is_infinitely_old(settings, tmp_path, place):
    (tmp_path / "file").touch()
    settings.BACKUP_TO = str(tmp_path / place) if place != "file" else "ftp://somewhere"

    assert told(CopyFigures())["backup_age_seconds"] == float("inf")


def test_a_store_that_says_nothing_holds_up_no_scrape_and_the_age_grows(settings, tmp_path, monkeypatch):
    settings.BACKUP_TO = str(tmp_path)
    (tmp_path / name_at(datetime.now(UTC) - timedelta(hours=1))).touch()
    figures, answers = CopyFigures(), threading.Event()
    told(figures)
    monkeypatch.setattr(copy_figures, "newest_backup", lambda place: answers.wait() and 0.0)
    monkeypatch.setattr(copy_figures, "PATIENCE_SECONDS", 0.05)
    figures._asked_at = float("-inf")

    began = time.monotonic()
    age = told(figures)["backup_age_seconds"]

    answers.set()
    assert age == pytest.approx(HOUR, abs=5)
    assert time.monotonic() - began < 1


def test_a_replica_is_told_with_its_lag_and_without_one_while_it_is_away(settings, monkeypatch):
    settings.BACKUP_TO, settings.REPLICA_MOST_LAG_SECONDS = "", 5
    watch = LagWatch()
    monkeypatch.setattr(watch, "_start", lambda: None)
    monkeypatch.setattr(copy_figures, "is_configured", lambda: True)
    monkeypatch.setattr(copy_figures, "lag_watch", watch)
    now = time.monotonic()

    away = told(CopyFigures())
    watch.observe(100, 100, now - 9)
    watch.observe(100, 200, now - 8)
    watch.observe(100, 300, now)
    late = told(CopyFigures())
    watch.observe(300, 300, now)

    assert away == {"replica_usable": 0.0}
    assert late == {"replica_usable": 0.0, "replica_lag_seconds": 8.0}
    assert told(CopyFigures()) == {"replica_usable": 1.0, "replica_lag_seconds": 0.0}
