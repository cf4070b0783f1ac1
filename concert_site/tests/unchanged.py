"""Whether a refusal left the database as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TABLES = (
    "concert",
    "concert_schedule",
    "concert_seat",
    "reservation",
    "waiting_token",
    "payment",
    "balance",
    "balance_history",
    "top_up",
    "withdrawal",
    "refund_run",
)


@contextmanager
def nothing_changed() -> Iterator[None]:
    """Fail if the block writes or locks a row. An update moves a row (ctid), a lock leaves its mark (xmax)."""
    before = all_rows()
    yield
    after = all_rows()
    assert after == before


@contextmanager
def nothing_written() -> Iterator[None]:
    """The same for who loses behind a lock: rows may be locked, but not written."""
    before = all_rows(marks="ctid")
    yield
    assert all_rows(marks="ctid") == before


def all_rows(marks: str = "ctid, xmax") -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that booking writes, with PostgreSQL's own columns."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"select {marks}, t::text from {table} t order by id")
            found[table] = cursor.fetchall()
    return found
