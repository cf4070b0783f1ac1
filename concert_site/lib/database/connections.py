"""Connections that the server has closed meanwhile."""

import select

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections


def limit_statements() -> None:
    """Have PostgreSQL end whatever takes longer than anybody waits, on all connections that this process makes.

    Behind a pooler they are other processes' as well, and none is limited.
    """
    if not settings.DATABASE_POOLER:
        limit = f"-c statement_timeout={settings.WEB_STATEMENT_TIMEOUT_MS}"
        for database in settings.DATABASES.values():
            options = database["OPTIONS"]
            options["options"] = f"{options.get('options', '')} {limit}"


def drop_dead_connection() -> None:
    """Close this thread's connection if the server has closed its end; Django then opens a new one."""
    # Itself, not by its proxy, which would look for it at each name.
    database = connections[DEFAULT_DB_ALIAS]
    raw = database.connection
    if raw is None or database.in_atomic_block:
        return
    if raw.closed or has_something_to_read(raw.fileno()):
        database.close()


def drop_unusable_connection() -> None:
    """Close this thread's connection if something went wrong on it and it doesn't answer any more."""
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()


def has_something_to_read(fileno: int) -> bool:
    """Whether reading this socket would answer at once; poll, because select stops at descriptor 1,023."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))
