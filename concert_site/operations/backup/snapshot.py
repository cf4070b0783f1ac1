"""What a database holds at one instant: what is written beside a dump, and looked at again after a restore."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# Temporary tables are a session's own.
TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and c.relpersistence <> 't'
       and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%%'
     order by 1, 2
"""


def count_rows(cursor: CursorWrapper) -> dict[str, int]:
    """The rows of each table, by its name; with its schema where that isn't `public`."""
    cursor.execute(TABLES, [])
    found = cursor.fetchall()
    counts = {}
    for schema, table in found:
        quoted = f'"{schema}"."{table}"'
        cursor.execute(f"select count(*) from {quoted}")  # noqa: S608  a name from the catalogue
        counts[table if schema == "public" else f"{schema}.{table}"] = cursor.fetchone()[0]
    return counts


def applied_migrations(cursor: CursorWrapper) -> list[str]:
    cursor.execute("select app || '.' || name from django_migrations order by 1")
    return [name for (name,) in cursor.fetchall()]


def is_empty(connection: BaseDatabaseWrapper) -> bool:
    """Whether nobody has made a table there."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [])
        return not cursor.fetchall()


def differences(said: dict[str, int], found: dict[str, int]) -> list[str]:
    """Where the rows of tables differ, in words."""
    return [
        f"{table}: {said.get(table, 'no table')} in the manifest, {found.get(table, 'no table')} restored"
        for table in sorted(said.keys() | found.keys())
        if said.get(table) != found.get(table)
    ]
