"""Databases of earlier landed states, migrated: nothing tells them from a new one, and nothing of theirs is lost."""

import json
import lzma
import os
import subprocess
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client

from concert_site.embedded import postgres
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client as redis
from concert_site.operations.audit import INVARIANTS
from concert_site.tests.clean_slate import know_content_types
from concert_site.tests.pooled import direct_url

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


# Of the last two. Those before go through migrations that never change again, at night.
@pytest.fixture(
    params=[
        pytest.param(path, id=path.name, marks=[pytest.mark.nightly] if path in DUMPS[:-2] else []) for path in DUMPS
    ]
)
def upgraded(request, django_db_setup, django_db_blocker):
    """A database of that state, migrated: its URL, and what it held before."""
    with scratch_database("old") as url:
        load(url, lzma.decompress(request.param.read_bytes()))
        before = rows_of(url)
        with django_db_blocker.unblock(), connected_to(url):
            call_command("migrate", verbosity=0)
        yield url, before


@contextmanager
def scratch_database(kind):
    """An empty database beside the tests' own; its URL."""
    name = f"upgrade_{kind}_{os.getpid()}"
    with psycopg.connect(direct_url("postgres"), autocommit=True) as server:
        server.execute(f"drop database if exists {name} with (force)")
        server.execute(f"create database {name} template template0")
        try:
            yield direct_url(name)
        finally:
            server.execute(f"drop database if exists {name} with (force)")


def load(url, plain):
    # A newer pg_dump's own setting, which an older server doesn't know.
    plain = plain.replace(b"SET transaction_timeout = 0;\n", b"")
    psql = [str(postgres.bin_dir() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", url]
    done = subprocess.run(psql, input=plain, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def connected_to(url):
    """Django in this process at another database: a process for each command would load it anew, two seconds each."""
    own = connection.settings_dict["NAME"]
    try:
        switch(urlsplit(url).path[1:])
        yield
    finally:
        switch(own)
        know_content_types()


def switch(name):
    """Have the next statement go to the database of this name, of which nothing is known yet."""
    connection.close()
    connection.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()
    clear_caches()
    # The lines of another database's dates of the same numbers.
    redis().flushdb()


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
    return schema_of(direct_url(connection.settings_dict["NAME"]))


def test_there_is_a_dump_of_each_landed_state():
    assert len(DUMPS) >= 6


# Its connection comes and goes, which no transaction of a test's own outlives.
@pytest.mark.django_db(transaction=True)
def test_an_upgraded_database_is_as_a_new_one(upgraded, new_schema, django_db_blocker, capsys):
    url, before = upgraded

    found = schema_of(url)
    for kind, lines in new_schema.items():
        assert found[kind] == lines, kind
    assert rows_of(url) == before

    with django_db_blocker.unblock(), connected_to(url):
        call_command("check_sql")
        call_command("audit")
        assert buy_and_cancel() == [201, 201, 201, 200]
        call_command("audit")
    said = capsys.readouterr().out
    assert "as its file makes it" in said
    assert said.count(" ok ") == 2 * len(INVARIANTS)


def buy_and_cancel():
    """A fan's way to a ticket and back, by the API; what each step was answered."""
    said = StringIO()
    call_command("make_show", "--seats=3", "--price=50000", stdout=said)
    call_command("make_fans", "1", "--balance=200000", stdout=said)
    show, fan = map(json.loads, said.getvalue().splitlines())
    bearer = {"authorization": f"Bearer {fan['access_token']}"}
    joined = post(f"schedules/{show['schedule']}/queue-tokens/", {}, bearer)
    inside = bearer | {"x-queue-token": joined.json()["token"]}
    held = post("reservations/", {"schedule": show["schedule"], "seats": show["seats"][:2]}, inside)
    ids = [each["id"] for each in held.json()["reservations"]]
    paid = post("payments/", {"reservations": ids}, inside)
    canceled = post(f"reservations/{ids[0]}/cancel/", {}, inside)
    return [each.status_code for each in (joined, held, paid, canceled)]


def post(path, body, headers):
    return Client().post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)
