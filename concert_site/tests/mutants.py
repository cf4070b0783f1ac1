"""Controls: the product with one guard taken out, to see that the guard is what keeps the rule."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

SCHEMA = "mutant"


@contextmanager
def mutant(sql_file: Path, *changes: tuple[str, str]) -> Iterator[None]:
    """Let every connection of this test run a .sql file's functions with each (old, new) replaced.

    The mutants live in a schema that is searched first, for connections that are opened meanwhile as well.
    Needs a test with transaction=True.
    """
    text = sql_file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{sql_file.name} has it {text.count(old)} times: {old}"
        text = text.replace(old, new)
    database = connection.settings_dict["NAME"]
    run(
        f"create schema {SCHEMA}",
        f"set search_path = {SCHEMA}, public",
        text,
        f'alter database "{database}" set search_path = {SCHEMA}, public',
    )
    try:
        yield
    finally:
        run(f'alter database "{database}" reset search_path', "reset search_path", f"drop schema {SCHEMA} cascade")


def run(*statements: str) -> None:
    """Run SQL as it stands."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
