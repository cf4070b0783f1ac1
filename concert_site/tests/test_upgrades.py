"""Databases of earlier landed states, migrated: nothing tells them from a new one, and nothing of theirs is lost."""

import json
import lzma
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from concert_site.embedded import postgres
from concert_site.embedded.data_dir import PROJECT
from concert_site.operations.audit import INVARIANTS

pytestmark = pytest.mark.processes

DUMPS = sorted((Path(__file__).parent / "upgrades").glob("*.sql.xz"))
# All that a migration or an installation may leave otherwise than on an empty database.
SCHEMA = {
    "functions": """
        select p.oid::regprocedure::text, pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc')
          from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
          from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'""",
    "triggers": """
        select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger')
          from pg_trigger where not tgisinternal""",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "columns": """
        select table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity,
               is_generated, collation_name
          from information_schema.columns where table_schema = 'public'""",
    "storage": """
        select relname, relkind, array(select unnest(reloptions) order by 1)
          from pg_class where relnamespace = 'public'::regnamespace""",
}
# Rows of these stay as they are; money and seats are what nobody may lose.
KEPT = {
    "users": "count(*), min(email), max(email)",
    "concert_seat": "count(*), sum(seat_price), count(*) filter (where status = 'RESERVED')",
    "reservation": "count(*), sum(price), count(*) filter (where status = 'RESERVED'), min(booking_reference)",
    "payment": "count(*), sum(price), sum(refund_fee), count(*) filter (where state = 'COMPLETED')",
    "balance": "count(*), sum(amount)",
    "balance_history": "count(*), sum(amount), sum(amount_after)",
    "waiting_token": "count(*), max(number)",
}
# A fan's way to a ticket and back, by the API, between two looks at everything: in a process of its own.
CHECK_AND_BOOK = """
import json, sys
from io import StringIO
from django.core.management import call_command
from django.test import Client
from concert_site.lib.redis import client as redis
# The line of another database's date of this number.
redis().flushdb()
call_command("check_sql")
call_command("audit")
said = StringIO()
call_command("make_show", "--seats=3", "--price=50000", stdout=said)
call_command("make_fans", "1", "--balance=200000", stdout=said)
show, fan = map(json.loads, said.getvalue().splitlines())
client = Client(headers={"authorization": "Bearer " + fan["access_token"]})
def ask(path, body):
    answer = client.post("/api/v1/" + path, json.dumps(body), content_type="application/json")
    print(json.dumps([answer.status_code, answer.json() if answer.content else None]))
    return answer.json()
token = ask(f"schedules/{show['schedule']}/queue-tokens/", {})["token"]
client = Client(headers={"authorization": "Bearer " + fan["access_token"], "x-queue-token": token})
held = ask("reservations/", {"schedule": show["schedule"], "seats": show["seats"][:2]})
ids = [each["id"] for each in held["reservations"]]
ask("payments/", {"reservations": ids})
ask(f"reservations/{ids[0]}/cancel/", {})
call_command("audit")
"""


@pytest.fixture(params=DUMPS, ids=lambda path: path.name)
def upgraded(request):
    """A database of that state, migrated: its URL, and what it held before."""
    with scratch_database("old") as url:
        load(url, lzma.decompress(request.param.read_bytes()))
        before = rows_of(url)
        manage(url, "migrate", "-v0")
        yield url, before


@contextmanager
def scratch_database(kind):
    """An empty database beside the tests' own; its URL."""
    name = f"upgrade_{kind}_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f"drop database if exists {name} with (force)")
        server.execute(f"create database {name} template template0")
        try:
            yield url_of(name)
        finally:
            server.execute(f"drop database if exists {name} with (force)")


def url_of(name):
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def load(url, plain):
    psql = [str(postgres.bin_dir() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", url]
    done = subprocess.run(psql, input=plain, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()


def manage(url, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url, "MODE": "test"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(url):
    with psycopg.connect(url) as database:
        return {table: database.execute(f"select {what} from {table}").fetchone() for table, what in KEPT.items()}


def schema_of(url):
    """All of SCHEMA, sorted; of a copy, since PostgreSQL writes what was dumped in other words than at first."""
    dumped = [str(postgres.bin_dir() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "-d", url]
    plain = subprocess.run(dumped, capture_output=True, timeout=120, check=True).stdout
    with scratch_database("copy") as copy:
        load(copy, plain)
        with psycopg.connect(copy) as database:
            return {kind: sorted(map(repr, database.execute(query).fetchall())) for kind, query in SCHEMA.items()}


@pytest.fixture(scope="module")
def new_schema(django_db_setup):
    """Of the tests' own database, which was made by every migration in turn."""
    return schema_of(url_of(connection.settings_dict["NAME"]))


def test_there_is_a_dump_of_each_landed_state():
    assert len(DUMPS) >= 4


@pytest.mark.django_db
def test_an_upgraded_database_is_as_a_new_one(upgraded, new_schema):
    url, before = upgraded

    found = schema_of(url)
    for kind, lines in new_schema.items():
        assert found[kind] == lines, kind
    assert rows_of(url) == before

    said = manage(url, "shell", "-v0", "-c", CHECK_AND_BOOK)
    answers = [json.loads(line) for line in said.splitlines() if line[:1] == "["]
    assert "as its file makes it" in said
    assert [status for status, _body in answers] == [201, 201, 201, 200], answers
    assert said.count(" ok ") == 2 * len(INVARIANTS)
