"""What tests need to know when a pooler lies between them and PostgreSQL (`make test-pooler`).

It keeps server processes for whoever comes next: what was set for a database reaches none of those that are there, and
no database can be dropped or copied while one is connected to it.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection

DATABASE = ("DATABASE_URL", "DATABASE_POOLER", "PREPARE_STATEMENTS")
# Set by bench/behind.py: the way to PostgreSQL past its pooler.
DIRECT = "DIRECT_DATABASE_URL"
# Who is in the middle of something comes to its end first.
END = """
select count(*), count(pg_terminate_backend(pid)) filter (where state = 'idle')
  from pg_stat_activity where datname = %s"""
# For the pooler to see that a process of the server has ended.
NOTICED_SECONDS = 0.05


def direct() -> dict[str, str]:
    """How to reach the tests' PostgreSQL without a pooler, at its own database."""
    if url := os.environ.get(DIRECT):
        found = psycopg.conninfo.conninfo_to_dict(url)
        return {name: str(found[name]) for name in ("host", "port", "user")} | {"dbname": "postgres"}
    found = connection.settings_dict
    return {"host": found["OPTIONS"].get("host") or found["HOST"], "user": found["USER"], "dbname": "postgres"}


def direct_url(database: str) -> str:
    """The address of one of that server's databases, past a pooler: for dumps, which leave a session without tables."""
    return at(database, os.environ.get(DIRECT) or os.environ["DATABASE_URL"])


def as_given(database: str | None = None) -> dict[str, str]:
    """What a process of its own must be told of the tests' PostgreSQL, pooler and all; of another database there."""
    found = {name: os.environ[name] for name in DATABASE if name in os.environ}
    return found | ({"DATABASE_URL": at(database, found["DATABASE_URL"])} if database else {})


def at(database: str, url: str) -> str:
    """An address, with another database in it."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def past_it() -> Iterator[None]:
    """Have Django itself go to PostgreSQL without a pooler, as commands must that run pg_dump."""
    ours = connection.settings_dict
    before = {name: ours[name] for name in ("HOST", "PORT")}
    given = direct() if settings.DATABASE_POOLER else {}
    connection.close()
    ours.update({name: given.get(name.lower(), was) for name, was in before.items()})
    try:
        yield
    finally:
        connection.close()
        ours.update(before)


@contextmanager
def session_settings(**values: str) -> Iterator[None]:
    """Have these on this thread's connection for a while; it may be the next test's, and behind a pooler anybody's."""
    with connection.cursor() as cursor:
        for name, value in values.items():
            cursor.execute(f"set {name} = '{value}'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for name in values:
                cursor.execute(f"reset {name}")


def end_sessions() -> None:
    """Behind a pooler, end what it keeps open to this test's database: the next statement meets a new process."""
    if not settings.DATABASE_POOLER:
        return
    with psycopg.connect(**direct(), autocommit=True) as server:
        database = connection.settings_dict["NAME"]
        while server.execute(END, [database]).fetchone() != (0, 0):
            time.sleep(0.01)
    time.sleep(NOTICED_SECONDS)
