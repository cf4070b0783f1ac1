"""Controls: the product with one guard taken out, to see that the guard is what keeps the rule."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from concert_site.accounts.tests.concurrency import end_threads
from concert_site.tests.pooled import end_sessions


@contextmanager
def mutant(sql_file: Path, *changes: tuple[str, str]) -> Iterator[None]:
    """Let every connection of this test run a .sql file's functions with each (old, new) replaced.

    The mutants live in a schema that is searched first, for connections that are opened meanwhile as well; those of
    several files in one each. Needs a test with transaction=True.
    """
    text = sql_file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{sql_file.name} has it {text.count(old)} times: {old}"
        text = text.replace(old, new)
    database, schema, before = connection.settings_dict["NAME"], f"mutant_{sql_file.stem}", search_path()
    run(f"create schema {schema}", f"set search_path = {schema}, {before}", text)
    run(f'alter database "{database}" set search_path = {schema}, {before}')
    end_threads()
    end_sessions()
    try:
        yield
    finally:
        end_threads()
        run(f'alter database "{database}" set search_path = {before}', f"set search_path = {before}")
        run(f"drop schema {schema} cascade")
        end_sessions()


def search_path() -> str:
    """Where functions are looked for."""
    with connection.cursor() as cursor:
        cursor.execute("show search_path")
        (path,) = cursor.fetchone()
    return str(path)


def run(*statements: str) -> None:
    """Run SQL as it stands."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
