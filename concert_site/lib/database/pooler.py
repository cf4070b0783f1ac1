"""Behind a pooler in transaction mode (PREPARE_STATEMENTS=off): who keeps what each connection is to have.

PgBouncer refuses a client that asks for `lock_timeout` and the like at its start, and what a client sets later stays
with whichever server process it met. So PostgreSQL keeps the settings itself, for our role in our database, and gives
them to every process that the pooler lets it start. Each migrate writes them; nothing is asked on the way to a sale.
"""

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


def keep_after_migrate(*, using: str, **_signal: object) -> None:
    """What follows each migrate (`post_migrate`): have PostgreSQL keep the settings, if we are behind a pooler."""
    if not settings.PREPARE_STATEMENTS:
        keep_for_role(connections[using])


def keep_for_role(connection: BaseDatabaseWrapper) -> None:
    """Have PostgreSQL give CONNECTION_SETTINGS to each new process of our role in this database."""
    quote = connection.ops.quote_name
    database = quote(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        for name, value in settings.CONNECTION_SETTINGS.items():
            # Utility statements take no parameters; the values are words and numbers of our own.
            cursor.execute(f"alter role current_user in database {database} set {quote(name)} = '{value}'")
    have_now(connection)


def have_at_start(*, connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """What follows each new connection of ours (`connection_created`), if we are behind a pooler."""
    if not settings.PREPARE_STATEMENTS:
        have_now(connection)


def have_now(connection: BaseDatabaseWrapper) -> None:
    """Give the settings to the server process that this connection has just met.

    It may be older than the last migrate. That it goes on to other clients does no harm: all of ours want the same.
    """
    names = ", ".join(f"set_config('{name}', %s, false)" for name in settings.CONNECTION_SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(f"select {names}", list(settings.CONNECTION_SETTINGS.values()))
