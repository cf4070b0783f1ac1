"""The hot statements: one prepared round trip each, on the connection that the ORM uses."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import NotSupportedError, connection
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
    try:
        return _fetch(sql, params)
    except NotSupportedError as error:
        # A migrate has just given a function other columns. Nothing was run yet, so it can be prepared anew.
        if connection.in_atomic_block or not is_outdated_plan(error):
            raise
    with connection.cursor() as cursor:
        # psycopg forgets what it prepared when it sees this pass.
        cursor.execute("deallocate all")
    return _fetch(sql, params)


def is_outdated_plan(error: Exception) -> bool:
    """Whether PostgreSQL refused a prepared statement because its result is of other columns than it was."""
    cause = error.__cause__
    # Its words ("cached plan must not change result type") may be translated.
    return isinstance(cause, psycopg.Error) and cause.diag.source_function == "RevalidateCachedQuery"


def _fetch(sql: str, params: Mapping[str, Any]) -> list[Row]:  # Any: parameters of every type
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
