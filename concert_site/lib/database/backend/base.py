"""The backend itself; Django looks for it in a module of this name (`ENGINE`)."""

from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import base

from concert_site.embedded import stamps
from concert_site.embedded.errors import CannotStart
from concert_site.lib.database.pooler import raise_on_refused_options, require_kept_options
from concert_site.lib.database.silence import refuse_while_silent, remember

LEAST_VERSION = 15


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections are remembered, so that whoever waits on one in vain can be told; none is made meanwhile."""

    def check_database_version_supported(self) -> None:
        """Refuse what is older than what we are tested on.

        :raises ImproperlyConfigured: with the version that is needed
        """
        major, minor = divmod(int(self.pg_version), 10_000)
        if major < LEAST_VERSION:
            raise ImproperlyConfigured(
                f"DATABASE_URL leads to PostgreSQL {major}.{minor}: {LEAST_VERSION} or later is needed."
            )
        super().check_database_version_supported()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # Any: as Django has it
        refuse_while_silent(self.alias)
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            raise_on_refused_options(error)
            raise
        require_kept_options(connection)
        # Before anything is asked on it.
        remember(connection, self.alias)
        if self.alias == DEFAULT_DB_ALIAS and stamps.is_unasked():
            refuse_of_another_mode(connection)
        return connection


def refuse_of_another_mode(raw: psycopg.Connection[Any]) -> None:  # Any: rows of any shape
    """Judge a database that was away when this process began.

    :raises CannotStart: if it is of another mode; the connection is then closed
    """
    try:
        stamps.ask_late(lambda text, values: raw.execute(text, values).fetchall())
    except CannotStart:
        raw.close()
        raise
    if not raw.autocommit:
        raw.rollback()
