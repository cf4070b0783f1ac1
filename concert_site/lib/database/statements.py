"""The hot statements: one prepared round trip each, on the connection that the ORM uses."""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection, connections
from psycopg._preparing import Prepare
from psycopg._queries import PostgresQuery
from psycopg.abc import Buffer, PQGen
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.rows import DictRow, dict_row

Row = dict[str, Any]  # Any: a column is of any type


class PreparedCursor(psycopg.Cursor[DictRow]):
    """A cursor that binds on the server, prepares at once, and reads values as the server has them, not as text.

    Django's own binds in the client.
    """

    def execute(self, query: Any, params: Any = None, **_options: Any) -> "PreparedCursor":  # Any: psycopg's own types
        # One that begins with who is at work (concert_site.trace.context) is never the same again.
        may_prepare = settings.PREPARE_STATEMENTS and not query.startswith("/*")
        super().execute(query, params, prepare=may_prepare, binary=True)
        return self

    def _maybe_prepare_gen(
        self, pgq: PostgresQuery, *, prepare: bool | None = None, binary: bool | None = None
    ) -> PQGen[None]:
        """Run what is prepared by a single call of libpq.

        psycopg's own way is some ten calls. Each gives up the interpreter's lock and waits for it again, behind other
        threads.
        """
        prep, name = self._get_prepared(pgq, prepare)
        if prep is not Prepare.YES:
            yield from super()._maybe_prepare_gen(pgq, prepare=prepare, binary=binary)
            return
        # As psycopg does, so that it counts as used.
        self._conn._prepared.maybe_add_to_cache(pgq, prep, name)  # noqa: SLF001
        # Its stubs know of no null.
        params = cast("Sequence[Buffer] | None", pgq.params)
        result = self._pgconn.exec_prepared(name, params, pgq.formats, Format.BINARY)
        if result.status == ExecStatus.FATAL_ERROR and not result.error_field(DiagnosticField.SQLSTATE):
            # PostgreSQL has a code for whatever it says: this is libpq's own word, for the connection is lost.
            raise psycopg.OperationalError(result.get_error_message())
        self._check_results([result])
        self._set_results([result])


class KeptCursors(threading.local):
    """A cursor for each hot statement on a thread's connection.

    Kept, it remembers how the statement's parameters are written and its columns read: a third of what a new cursor
    for each call would compute.
    """

    def __init__(self) -> None:
        self._connection: object = None
        self._cursors: dict[str, PreparedCursor] = {}

    def of(self, raw: psycopg.Connection[Any], sql: str) -> PreparedCursor:  # Any: rows of any shape
        if raw is not self._connection:
            self._connection, self._cursors = raw, {}
        found = self._cursors.get(sql)
        if found is None:
            found = self._cursors[sql] = PreparedCursor(raw, row_factory=dict_row)
        return found

    def drop(self, sql: str) -> None:
        """Keep the cursor of this statement no longer: it holds its last result."""
        self._cursors.pop(sql, None)


_kept = KeptCursors()
# A cursor that has read more rows is not kept.
MOST_ROWS_KEPT = 200


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
    if settings.DATABASE_POOLER:
        # What it prepared it keeps for all of its clients, until it is told to RECONNECT.
        return _fetch_unprepared(sql, params)
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
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    cursor = _kept.of(database.connection, sql)
    if database.execute_wrappers or database.queries_logged:
        # `_prepare_cursor` is what connection.cursor() ends with: it wraps a cursor for logging and counting.
        database._prepare_cursor(cursor).execute(sql, params)  # type: ignore[attr-defined]  # noqa: SLF001  not in the stubs
    else:
        database.validate_no_broken_transaction()
        with database.wrap_database_errors:
            cursor.execute(sql, params)
    rows: list[Row] = cursor.fetchall()
    if len(rows) > MOST_ROWS_KEPT:
        _kept.drop(sql)
    return rows


def _fetch_unprepared(sql: str, params: Mapping[str, Any]) -> list[Row]:  # Any: parameters of every type
    """As `_fetch`, with nothing prepared: a comment makes it another statement to every cache."""
    return _fetch(f"/**/ {sql}", params)


def fetch_one(sql: str, params: Mapping[str, Any]) -> Row:
    """Run one hot statement that answers with exactly one row."""
    (row,) = fetch(sql, params)
    return row


def execute(sql: str, params: Mapping[str, Any]) -> int:  # Any: parameters of every type
    """Run a statement that is not hot; return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


@cache
def sql_beside(module_file: str, name: str) -> str:
    """The text of the .sql file that lies beside a module, without its comments.

    Comments are for readers; left in, they would travel with each call of an unprepared statement.
    """
    lines = (Path(module_file).parent / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))
