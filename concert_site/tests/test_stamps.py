"""Whose database it is: a rehearsal never writes into production's, and production never sells a rehearsal's."""

import os
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from celery.worker import state
from django.core.management import call_command
from django.db import connection

from concert_site import celery
from concert_site.embedded import stamps
from concert_site.embedded.errors import CannotStart
from concert_site.tests.up_process import manage

MIGRATED = "create table django_migrations (id int); "
ACCOUNTS = (
    "create table users (email text, is_staff bool); create table top_up (provider text);"
    " create table balance_history (note text); insert into users values ('a@b.c', true), ('x@fans.example', false);"
)
MADE_UP = {
    "demo": "insert into users values ('staff@frontrow.example', true)",
    "sandbox": "insert into top_up values ('sandbox')",
    "make_fans": "insert into balance_history values ('Rehearsal')",
}
ATTACK = "insert into users values ('staff@frontrow.example', false); insert into top_up values ('stripe')"


@contextmanager
def scratch_database(script=""):
    """A database beside the tests' own; its URL."""
    name = f"stamp_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f"drop database if exists {name} with (force)")
        server.execute(f"create database {name} template template0")
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
        try:
            with psycopg.connect(url, autocommit=True) as database:
                database.execute(script or "select 1")
            yield url
        finally:
            server.execute(f"drop database if exists {name} with (force)")


@pytest.fixture(autouse=True)
def nothing_judged(monkeypatch):
    monkeypatch.setattr(stamps, "_judged", set())
    monkeypatch.setattr(stamps, "_unasked", set())


def refusal(url, mode, *, is_ours=False):
    try:
        stamps.require(url, mode, is_ours=is_ours)
    except CannotStart as error:
        return str(error)
    return ""


@pytest.mark.parametrize("owner", ["production", "demo", "test"])
def test_a_database_that_says_whose_it_is_is_refused_to_the_others(owner):
    with scratch_database(MIGRATED + stamps.statement(owner)) as url:
        for mode in ("production", "demo", "test"):
            said = refusal(url, mode, is_ours=True)
            assert said == "" if mode == owner else f"belongs to MODE={owner}, and this is MODE={mode}: " in said


@pytest.mark.parametrize("script", ["", MIGRATED, MIGRATED + "create table users (email text, is_staff bool)"])
def test_an_empty_database_is_anybodys(script):
    with scratch_database(script) as url:
        assert [refusal(url, mode) for mode in ("production", "demo", "test")] == ["", "", ""]


@pytest.mark.parametrize("script", [ACCOUNTS, ACCOUNTS + ATTACK])
def test_one_of_an_earlier_release_with_accounts_may_be_productions(script):
    with scratch_database(MIGRATED + script) as url:
        assert refusal(url, "production") == ""
        for mode in ("demo", "test"):
            assert "has accounts and may be production's" in refusal(url, mode)
            # The data directory knows.
            assert refusal(url, mode, is_ours=True) == ""


@pytest.mark.parametrize("how", MADE_UP)
def test_one_of_an_earlier_release_with_made_up_money_is_not_productions(how):
    with scratch_database(MIGRATED + ACCOUNTS + MADE_UP[how]) as url:
        assert refusal(url, "demo") == ""
        assert "made up, money included" in refusal(url, "production")


def test_one_that_is_away_is_for_others_to_complain_about():
    assert refusal("postgresql://127.0.0.1:1/none", "test") == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("owner", ["production", "test"])
def test_one_that_was_away_at_the_start_is_judged_by_the_first_connection(owner, monkeypatch):
    with scratch_database(MIGRATED + stamps.statement(owner)) as url:
        stamps.require("postgresql://127.0.0.1:1/none", "test")
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setattr(state, "should_terminate", None)
        worker = connection.copy()
        worker.settings_dict["NAME"] = urlsplit(url).path.removeprefix("/")
        try:
            if owner == "test":
                worker.ensure_connection()
                assert not stamps.is_unasked()
            else:
                # Again and again: nothing that is asked later gets through.
                for _ in range(2):
                    with pytest.raises(CannotStart, match="belongs to MODE=production"):
                        worker.ensure_connection()
            # By the first task that a worker takes up, it knows, and leaves the queue to others.
            celery.check_connection()
            assert state.should_terminate == (None if owner == "test" else os.EX_CONFIG)
        finally:
            worker.close()


def test_a_worker_that_is_given_no_address_asks_the_one_that_is_used_then(monkeypatch, settings):
    with scratch_database(MIGRATED + stamps.statement("production")) as url:
        monkeypatch.delenv("DATABASE_URL")
        settings.DEFAULT_DATABASE_URL = url
        with pytest.raises(SystemExit, match="belongs to MODE=production"):
            celery.require_stamp()
        monkeypatch.undo()


@pytest.mark.django_db
def test_migrate_marks_a_database_once():
    with connection.cursor() as cursor:
        cursor.execute(stamps.statement("demo"))
        call_command("migrate", verbosity=0)
        assert comment(cursor) == "frontrow: demo"

        cursor.execute("comment on table django_migrations is null")
        call_command("migrate", verbosity=0)
        assert comment(cursor) == "frontrow: test"


def comment(cursor):
    cursor.execute(stamps.READ)
    return cursor.fetchone()[0]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("test", ["make_fans", "1", "--balance=1000"]),
        ("demo", ["up", "--demo", "--port=0"]),
        ("test", ["check", "--deploy"]),
    ],
)
def test_a_command_of_another_mode_leaves_productions_database_alone(tmp_path, mode, words):
    with scratch_database(MIGRATED + ACCOUNTS + stamps.statement("production")) as url:
        redis = os.environ["REDIS_URL"]
        done = manage(*words, MODE=mode, DATA_DIR=str(tmp_path / "d"), DATABASE_URL=url, REDIS_URL=redis)
        with psycopg.connect(url) as database:
            assert database.execute("select count(*) from users").fetchone() == (2,)
            assert database.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (4,)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(
        f"the database belongs to MODE=production, and this is MODE={mode}: {stamps.HOW}"
    )
