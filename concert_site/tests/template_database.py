"""A migrated database for every worker: the first one migrates, the others and later runs get a copy of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from django.db import connection

from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.locks import FileLock
from concert_site.tests.pooled import end_sessions
from concert_site.tests.up_process import wait_until

APPS = ("concert_site", "payments", "queueing", "reservations", "wallet")
# What decides how a migrated database looks. Migrate runs on each copy as well, so what is new is in it anyway; these
# are for what is edited.
SOURCES = ("**/migrations/*.py", "**/*.sql", "lib/database/*.py")
PREFIX = "frontrow_template_"
# To migrate takes half a minute, and far longer beside a load.
PATIENCE_SECONDS = 600.0


@contextmanager
def copied() -> Iterator[None]:
    """Around the making of this worker's database: from the template, or else the template from it."""
    template = template_name()
    lock = FileLock(Path(os.environ["DATA_DIR"]) / "template-database.lock")
    wait_until(lock.try_exclusive, "another worker migrates the template of databases", PATIENCE_SECONDS)
    try:
        names = templates()
        if template not in names:
            yield
            keep(template, names)
            return
    finally:
        lock.close()
    connection.settings_dict["TEST"]["TEMPLATE"] = template
    yield


@contextmanager
def another(copy: str) -> Iterator[None]:
    """One more copy, under this name, for a test that has a database."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'drop database if exists "{copy}" with (force)')
        cursor.execute(f'create database "{copy}" template "{template_name()}"')
    try:
        yield
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'drop database "{copy}" with (force)')


def template_name() -> str:
    """The template's, which changes with every migration, SQL file and requirement."""
    found = [
        PROJECT / "requirements.txt",
        PROJECT / "deploy" / "requirements" / "production.txt",
        *(one for app in APPS for kind in SOURCES for one in (PROJECT / app).glob(kind)),
    ]
    digest = blake2b(digest_size=8)
    for path in sorted(found):
        digest.update(bytes(path) + b"\0" + path.read_bytes())
    return PREFIX + digest.hexdigest()


def templates() -> set[str]:
    """Those of this run and of earlier ones."""
    with connection._nodb_cursor() as cursor:  # Django's own way to make test databases
        cursor.execute("select datname from pg_database where starts_with(datname, %s)", [PREFIX])
        return {name for (name,) in cursor.fetchall()}


def keep(name: str, outdated: set[str]) -> None:
    """Make the database as it is now the template, in place of those of older code."""
    own = connection.settings_dict["NAME"]
    # Nobody may be connected to what is copied.
    connection.close()
    end_sessions()
    with connection._nodb_cursor() as cursor:
        for old in sorted(outdated):
            cursor.execute(f'drop database if exists "{old}"')
        cursor.execute(f'create database "{name}" template "{own}"')
