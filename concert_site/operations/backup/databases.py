"""Making, renaming and dropping databases beside the site's, and pointing Django at another one."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseError, ProgrammingError

from concert_site.operations.backup.errors import BackupFailed

# As another database is, in the words of CREATE DATABASE; by version, since the column's name has changed.
LOCALE = """
    select pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
      from pg_database d where datname = %s
"""
OTHERS = """
    select coalesce(nullif(application_name, ''), 'a program'), count(*) from pg_stat_activity
     where datname = %s and pid <> pg_backend_pid() and backend_type = 'client backend' group by 1 order by 2 desc
"""


def server_version() -> int:
    """Such as 150018."""
    return int(connection.pg_version)  # type: ignore[attr-defined]  # of Django's backend for PostgreSQL


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


@contextmanager
def server() -> Iterator[CursorWrapper]:
    """A connection to the server's own database, in autocommit."""
    with connection._nodb_cursor() as cursor:  # noqa: SLF001  Django's own way to make test databases
        yield cursor


def create_like(name: str, model: str) -> None:
    """Make an empty database that sorts and encodes as `model` does.

    :raises BackupFailed: if our role may not
    """
    with server() as cursor:
        cursor.execute(LOCALE, [model])
        encoding, collate, ctype, provider, locale = cursor.fetchone()
        words = f"template template0 encoding '{encoding}' lc_collate '{collate}' lc_ctype '{ctype}'"
        if provider == "i":
            words += f" locale_provider icu icu_locale '{locale}'"
        elif provider == "b":
            words += f" locale_provider builtin builtin_locale '{locale}'"
        try:
            cursor.execute(f"create database {quoted(name)} {words}")
        except ProgrammingError as error:
            raise BackupFailed(
                f"no database could be made beside the site's: {str(error).strip()}"
                " (as the server's superuser: ALTER ROLE ... CREATEDB)"
            ) from error


def drop(name: str) -> None:
    with server() as cursor:
        cursor.execute(f"drop database if exists {quoted(name)} with (force)")


def require_unused(name: str) -> None:
    """:raises BackupFailed: if somebody is connected to it"""
    with server() as cursor:
        cursor.execute(OTHERS, [name])
        if found := cursor.fetchall():
            who = ", ".join(f"{count} of {application}" for application, count in found)
            raise BackupFailed(f"database {name} is in use ({who}): stop the site first")


def put_in_place(new: str, old: str, aside: str) -> None:
    """Give `new` the name of `old`, which is kept as `aside`.

    :raises BackupFailed: if somebody has connected meanwhile; both are then as they were
    """
    require_unused(old)
    with server() as cursor:
        try:
            # In one question, which is one transaction: never is there none of that name.
            cursor.execute(
                f"alter database {quoted(old)} rename to {quoted(aside)};"
                f" alter database {quoted(new)} rename to {quoted(old)}"
            )
        except DatabaseError as error:
            raise BackupFailed(f"database {old} could not be replaced: {str(error).strip()}") from error


def scratch_name(word: str) -> str:
    return f"frontrow_{word}_{secrets.token_hex(4)}"


@contextmanager
def pointed_at(name: str) -> Iterator[None]:
    """Have Django work on another database of the server, for the duration of the block."""
    was = connection.settings_dict["NAME"]
    connect_to(name)
    try:
        yield
    finally:
        connect_to(was)


def connect_to(name: str) -> None:
    connection.close()
    settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"] = name
    connection.settings_dict["NAME"] = name
