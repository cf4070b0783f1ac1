"""Bring the SQL functions of a database up to date with their files, under the requests of a running site."""

import logging
import time
from collections.abc import Iterator

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

from concert_site.lib.database.sql_functions import RETIRED, Function, SqlFile, functions_in, is_up_to_date, sql_files

log = logging.getLogger(__name__)

LOCK = "pg_advisory_xact_lock(hashtextextended('frontrow: install SQL functions', 0))"
# How long requests that began before may still need what was replaced; what takes longer is left to the next migrate.
PATIENCE_SECONDS = 5.0
# By this name goes the connection that holds the lock of a migrate for as long as it takes, and calls no function.
MIGRATING = "frontrow: migrate"
POLL_SECONDS = 0.05
OLDER_TRANSACTIONS = """
select exists (
    select from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()
       and backend_type = 'client backend' and application_name <> %s and xact_start < %s)
"""


def install_after_migrate(*, using: str, **_signal: object) -> None:
    """What follows each migrate (`post_migrate`), also one that had nothing to do.

    The files are of the newest state: a migrate of one app, or back to an earlier state, leaves types unmade that their
    functions name. What was installed stays until a migrate has brought everything up to date.
    """
    connection = connections[using]
    # The cheaper question first: every flush of a test asks, too.
    if not is_up_to_date(connection) and is_migrated(connection):
        install(connection)


def is_migrated(connection: BaseDatabaseWrapper) -> bool:
    loader = MigrationLoader(connection)
    return set(loader.graph.leaf_nodes()) <= loader.applied_migrations.keys()


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the functions in the database those of the files; one query where they are already.

    All change in one transaction: whoever calls a function meets the old ones or the new ones. One that changed its
    result or the names of its arguments can't be replaced, and to drop it would fail the calls that have found it and
    not yet begun. It gets another name, so that these still run it, and is dropped once they are over.
    """
    if is_up_to_date(connection):
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        # The site's own lock_timeout is for requests: here another migrate is waited for.
        cursor.execute("set local lock_timeout = '60s'")
        cursor.execute(f"select {LOCK}")
        _replace(cursor)
    if not connection.in_atomic_block:
        _drop_retired(connection)


def differences(connection: BaseDatabaseWrapper) -> list[str]:
    """What in the database isn't as the files would make it, a line each; each file is tried in the database."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        installed = {function.key: function for function in functions_in(cursor)}
        fresh = {function.key: function for _file, function in _made_afresh(cursor)}
    found = [(key, "missing") for key in fresh.keys() - installed.keys()]
    found += [(key, "not of any file") for key in installed.keys() - fresh.keys()]
    both = fresh.keys() & installed.keys()
    found += [(key, "not as its file makes it") for key in both if installed[key].definition != fresh[key].definition]
    return [f"{name}({types}): {what}" for (name, types), what in sorted(found)]


def _replace(cursor: CursorWrapper) -> None:
    cursor.execute("set local check_function_bodies = off")
    installed = {function.key: function for function in functions_in(cursor) if not function.is_retired}
    for file, fresh in _made_afresh(cursor):
        present = installed.pop(fresh.key, None)
        if present and not present.is_replaceable_by(fresh):
            _retire(cursor, present)
        if present is None or present.definition != fresh.definition:
            cursor.execute(fresh.definition)
            # All of them, in a database that is new: nobody has to read that.
            level = logging.INFO if present else logging.DEBUG
            log.log(level, "Installed %s from %s", fresh.name, file.path)
        _comment(cursor, f"{fresh.name}({fresh.identity})", fresh.comment_from(file))
    for gone in installed.values():
        _retire(cursor, gone)


def _made_afresh(cursor: CursorWrapper) -> Iterator[tuple[SqlFile, Function]]:
    """The functions that the files make, as PostgreSQL writes them; they are made aside and taken back.

    Bodies are not looked at: a file may call the functions of another, or name columns that are yet to come.
    """
    made: list[tuple[SqlFile, Function]] = []
    cursor.execute("savepoint made_afresh")
    cursor.execute("select set_config('search_path', 'pg_temp, ' || quote_ident(current_schema()), true)")
    cursor.execute("set local check_function_bodies = off")
    for file in sql_files():
        before = {function.key for _file, function in made}
        cursor.execute(file.text)
        made += [(file, function) for function in functions_in(cursor) if function.key not in before]
    cursor.execute("rollback to savepoint made_afresh")
    cursor.execute("release savepoint made_afresh")
    return iter(made)


def _retire(cursor: CursorWrapper, function: Function) -> None:
    name = f"retired_{function.oid}"
    cursor.execute(f'alter function "{function.name}"({function.identity}) rename to {name}')
    _comment(cursor, f"{name}({function.identity})", RETIRED)
    log.info("Set aside the earlier %s", function.name)


def _comment(cursor: CursorWrapper, function: str, comment: str) -> None:
    # Not a parameter: the statement takes none. Neither origin nor hash has a quote in it.
    cursor.execute(f"comment on function {function} is '{comment}'")


def _drop_retired(connection: BaseDatabaseWrapper) -> None:
    """Drop what was replaced, once nobody can still run it; what a view of somebody's needs is left, and said."""
    with connection.cursor() as cursor:
        retired = [function for function in functions_in(cursor) if function.is_retired]
        if not retired or not _is_over(cursor):
            return
        for function in retired:
            try:
                cursor.execute(f"drop function if exists {function.name}({function.identity})")
            except DatabaseError as error:
                log.warning("An SQL function that was replaced can't be dropped: %s", error)


def _is_over(cursor: CursorWrapper) -> bool:
    """Wait until every transaction is over that has begun before; False if that takes too long."""
    cursor.execute("select clock_timestamp()")
    (now,) = cursor.fetchone()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        cursor.execute(OLDER_TRANSACTIONS, [MIGRATING, now])
        (is_someone_left,) = cursor.fetchone()
        if not is_someone_left:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
