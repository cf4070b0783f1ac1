"""Django's migrate, by one process at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from concert_site.embedded import stamps
from concert_site.lib.database.sql_install import MIGRATING

KEY = "hashtextextended('frontrow: migrate', 0)"


def mark(alias: str) -> None:
    """Have a database that nobody has marked say that it belongs to this mode."""
    with connections[alias].cursor() as cursor:

        def ask(text: str, values: Sequence[Any]) -> list[Any]:  # Any: as the module has it
            cursor.execute(text, list(values) or None)
            return list(cursor.fetchall())

        if stamps.owner_of(ask) is None:
            cursor.execute(stamps.statement(settings.MODE))


class Command(migrate.Command):
    """Each server of a site may start by migrating: the first does, the others wait and find nothing to do."""

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's own signature
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with self.migration_lock(options["database"]):
            super().handle(*args, **options)
            mark(options["database"])

    @contextmanager
    def migration_lock(self, alias: str) -> Iterator[None]:
        """Hold the database's lock for migrations, on a connection of its own.

        In a transaction, because a pooler may give each transaction another server process.
        """
        connection = connections[alias].copy()
        try:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                # Whoever migrates may take its time.
                cursor.execute("set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0")
                cursor.execute(f"set local application_name = '{MIGRATING}'")
                cursor.execute(f"select pg_try_advisory_xact_lock({KEY})")
                if not cursor.fetchone()[0]:
                    self.stderr.write("Another process migrates this database: waiting for it.")
                    cursor.execute(f"select pg_advisory_xact_lock({KEY})")
            yield
        finally:
            connection.close()
