"""The hot statements: one prepared round trip each, on the connection that the ORM uses."""

import select
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.http import HttpRequest, HttpResponse
from psycopg.rows import DictRow, dict_row

Row = dict[str, Any]  # Any: a column is of any type


class PreparedCursor(psycopg.Cursor[DictRow]):
    """A cursor that binds on the server and prepares at once; Django's own binds in the client."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":  # Any: psycopg's own types
        options.setdefault("prepare", settings.PREPARE_STATEMENTS)
        super().execute(query, params, **options)
        return self


def fetch(sql: str, params: Mapping[str, Any]) -> list[Row]:  # Any: parameters of every type
    """Run one hot statement in one round trip; return its rows as dicts.

    It goes through Django's cursor wrapper, so that tests count it and errors are Django's.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw = PreparedCursor(connection.connection, row_factory=dict_row)
    # `_prepare_cursor` is what connection.cursor() ends with: it wraps a cursor for logging and counting.
    with connection._prepare_cursor(raw) as cursor:  # type: ignore[attr-defined]  # noqa: SLF001  not in the stubs
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
    return rows


def fetch_one(sql: str, params: Mapping[str, Any]) -> Row:
    """Run one hot statement that answers with exactly one row."""
    (row,) = fetch(sql, params)
    return row


@cache
def sql_beside(module_file: str, name: str) -> str:
    """The text of the .sql file that lies beside a module, without its comments.

    Comments are for readers; left in, they would travel with each call of an unprepared statement.
    """
    lines = (Path(module_file).parent / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def install_sql(module_file: str, name: str) -> migrations.RunPython:
    """A migration's step: run a .sql file of `create or replace function` as it stands.

    The functions live in one file each, to be read top to bottom; a later change of a file comes with a
    migration that installs it again, and a test compares file and database.
    """

    def install(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        with editor.connection.cursor() as cursor:
            cursor.execute((Path(module_file).parent / name).read_text())

    return migrations.RunPython(install, migrations.RunPython.noop)


class FreshConnections:
    """Middleware: drop a database connection that the server has closed meanwhile.

    A connection at rest has nothing to read. If it has, the server said goodbye (it was restarted, or an
    administrator ended the backend), and the next query would fail. Looking costs one system call and no
    round trip, unlike Django's health check.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        drop_dead_connection()
        return self.get_response(request)


def drop_dead_connection() -> None:
    """Close this thread's connection if the server has closed its end; Django then opens a new one."""
    raw = connection.connection
    if raw is None or connection.in_atomic_block:
        return
    if raw.closed or has_something_to_read(raw.fileno()):
        connection.close()


def has_something_to_read(fileno: int) -> bool:
    """Whether reading this socket would answer at once; poll, because select stops at descriptor 1,023."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
