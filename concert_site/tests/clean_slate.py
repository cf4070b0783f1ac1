"""The database after a test that committed: as it was migrated, in a small part of the time of Django's flush.

That truncates every table, makes files anew for each of their indexes, and has migrate's ends run (permissions,
functions, beat's rows): a third of a second for each test. Here only what has rows is emptied, and what migrating left
in a table is put back from memory, if it changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.test import TransactionTestCase

if TYPE_CHECKING:
    from psycopg import Cursor

# What a flush puts right besides rows: functions and triggers.
CODE = """
    select md5(string_agg(prosrc, '' order by proname, oid)) from pg_proc where pronamespace = 'public'::regnamespace
    union all select md5(string_agg(concat(tgrelid, tgname, tgenabled), '' order by tgrelid, tgname)) from pg_trigger
"""
flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # no name for it but this


class CleanSlate:
    """The rows and functions of a newly migrated database."""

    def __init__(self) -> None:
        self.tables = sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))
        with connection.cursor() as cursor:
            self.code = code_of(cursor)
            self.rows = {table: copy_of(cursor, table) for table in filled(cursor, self.tables)}

    def restore(self) -> bool:
        """Have the database as it was; False if that takes more than rows."""
        with transaction.atomic(), connection.cursor() as cursor:
            if code_of(cursor) != self.code:
                return False
            # As TRUNCATE would: whoever still writes is waited for.
            cursor.execute(f"lock table {', '.join(self.tables)} in share row exclusive mode")
            # Neither foreign keys nor the guards of the ledger have a say.
            cursor.execute("set local session_replication_role = replica")
            changed = filled(cursor, self.tables) | self.rows.keys()
            for table in sorted(changed):
                self._restore_table(cursor, table)
        return True

    def _restore_table(self, cursor: Cursor, table: str) -> None:
        rows = self.rows.get(table, b"")
        if rows and copy_of(cursor, table) == rows:
            return
        cursor.execute(f"delete from {table}")
        if rows:
            with cursor.copy(f"copy {table} from stdin") as copy:
                copy.write(rows)


def code_of(cursor: Cursor) -> list[tuple[object, ...]]:
    """What tells whether functions and triggers are still the same."""
    return prepared(cursor, CODE)


def filled(cursor: Cursor, tables: list[str]) -> set[str]:
    """Those of the tables that have rows."""
    asking = " union all ".join(f"select '{table}' where exists (select from {table})" for table in tables)
    return {str(table) for (table,) in prepared(cursor, asking)}


def prepared(cursor: Cursor, statement: str) -> list[tuple[object, ...]]:
    """What a statement finds, planned once for a connection: to plan a look into every table takes longer than it."""
    # Django's own cursor prepares nothing.
    with psycopg.Cursor(cursor.connection) as own:
        return own.execute(statement.encode(), prepare=True).fetchall()


def copy_of(cursor: Cursor, table: str) -> bytes:
    """A table's rows, as PostgreSQL copies them."""
    with cursor.copy(f"copy (select * from {table} t order by t::text) to stdout") as copy:
        return b"".join(bytes(part) for part in copy)


def know_content_types() -> None:
    """Read what Django asks for once in a process, or the first test of it that counts statements counts one more."""
    ContentType.objects.clear_cache()
    ContentType.objects.get_for_models(*apps.get_models())


def remember() -> None:
    """Note how the database is now, and have every test that commits leave it so. Needs a superuser, as tests have."""
    with connection.cursor() as cursor:
        cursor.execute("show is_superuser")
        if cursor.fetchone() != ("on",):
            return
    slate = CleanSlate()
    know_content_types()

    def restore(case: TransactionTestCase) -> None:
        if not slate.restore():
            flush(case)
            # Functions are as written again; rows get back the ids that they had.
            slate.restore()
            know_content_types()

    TransactionTestCase._fixture_teardown = restore  # type: ignore[attr-defined]  # as above
    TransactionTestCase._should_reload_connections = keep_connection  # type: ignore[attr-defined]  # as above


def keep_connection(case: TransactionTestCase) -> bool:
    """Go on with this connection, in place of closing all: a new one costs PostgreSQL as much as twenty statements."""
    for each in connections.all(initialized_only=True):
        if each.alias != DEFAULT_DB_ALIAS:
            each.close()
    return False
