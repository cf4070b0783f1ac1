"""Behind a pooler in transaction mode (DATABASE_POOLER=on): who keeps what each connection is to have.

PgBouncer refuses a client that asks for `lock_timeout` and the like at its start, and what a client sets later stays
with whichever server process it met. So PostgreSQL keeps the settings itself, for our role in our database, and gives
them to every process that the pooler lets it start. Each migrate writes them, and each process of ours looks once
whether they are there; nothing is asked on the way to a sale.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

# PgBouncer's words; it translates none.
TAKES_NO_OPTIONS = "unsupported startup parameter"
# What PostgreSQL keeps for our role, in all databases and then in this one.
KEPT = """
select unnest(setconfig) from pg_db_role_setting
 where setrole = (select oid from pg_roles where rolname = current_user)
   and setdatabase in (0, (select oid from pg_database where datname = current_database()))
 order by setdatabase"""
HAD = "select name, setting from pg_settings where name = any(%s)"

_looked = threading.Event()


def raise_on_refused_options(error: psycopg.OperationalError) -> None:
    """Say which setting a pooler needs, if it was a pooler that refused us.

    :raises ImproperlyConfigured: if it was
    """
    if TAKES_NO_OPTIONS in str(error):
        raise ImproperlyConfigured(
            "DATABASE_URL leads to a pooler, which refuses what connections ask for at their start:"
            " set DATABASE_POOLER=on."
        ) from error


def require_kept_options(raw: psycopg.Connection[Any]) -> None:  # Any: rows of any shape
    """See once in a process that a connection has what it asked for at its start.

    :raises ImproperlyConfigured: if it hasn't, as behind a PgBouncer with `ignore_startup_parameters = options`
    """
    if settings.DATABASE_POOLER or _looked.is_set():
        return
    found = dict(raw.execute(HAD, [list(settings.CONNECTION_SETTINGS)]).fetchall())
    if lost := missing_settings(found):
        raise ImproperlyConfigured(
            f"DATABASE_URL leads to a pooler that drops what connections ask for at their start ({lost}):"
            " set DATABASE_POOLER=on, and take options out of its ignore_startup_parameters."
        )
    if not raw.autocommit:
        raw.rollback()
    _looked.set()


def missing_settings(found: Mapping[str, str]) -> str:
    """Which of our settings aren't as we want them, in words."""
    wanted = settings.CONNECTION_SETTINGS.items()
    return ", ".join(f"{name} is {found.get(name, 'not set')}" for name, value in wanted if found.get(name) != value)


def store_settings_after_migrate(*, using: str, **_signal: object) -> None:
    """What follows each migrate (`post_migrate`): have PostgreSQL keep the settings, if we are behind a pooler."""
    if settings.DATABASE_POOLER:
        store_settings(connections[using])


def store_settings(connection: BaseDatabaseWrapper) -> None:
    """Have PostgreSQL give CONNECTION_SETTINGS to each new process of our role in this database."""
    quote = connection.ops.quote_name
    database = quote(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        for name, value in settings.CONNECTION_SETTINGS.items():
            # Utility statements take no parameters; the values are words and numbers of our own.
            cursor.execute(f"alter role current_user in database {database} set {quote(name)} = '{value}'")
    apply_settings(connection)


def apply_settings_at_start(*, connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """What follows each new connection of ours (`connection_created`), if we are behind a pooler."""
    if not settings.DATABASE_POOLER:
        return
    apply_settings(connection)
    if connection.alias == DEFAULT_DB_ALIAS and not _looked.is_set():
        _looked.set()
        store_missing_settings(connection)


def store_missing_settings(connection: BaseDatabaseWrapper) -> None:
    """Have PostgreSQL keep the settings if it doesn't: another role has migrated, or LOCK_TIMEOUT_MS has changed."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        lost = missing_settings(dict(line.split("=", 1) for (line,) in cursor.fetchall()))
    if not lost:
        return
    try:
        store_settings(connection)
    except DatabaseError as error:
        # Another process of ours does so at the same moment, or the role may not: then apply_settings is all there is.
        log.warning("PostgreSQL doesn't keep what connections are to have (%s): %s", lost, error)
    else:
        log.warning("PostgreSQL keeps from now on what connections are to have (%s): RECONNECT the pooler", lost)


def apply_settings(connection: BaseDatabaseWrapper) -> None:
    """Give the settings to the server process that this connection has just met.

    It may be older than the last migrate. That it goes on to other clients does no harm: all of ours want the same.
    """
    names = ", ".join(f"set_config('{name}', %s, false)" for name in settings.CONNECTION_SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(f"select {names}", list(settings.CONNECTION_SETTINGS.values()))
