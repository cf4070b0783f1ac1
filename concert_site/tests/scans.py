"""What PostgreSQL scans in a step: it counts what each transaction does."""

from collections.abc import Callable, Sequence

from django.db import connection


def scans_of(step: Callable[[], object], tables: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """Which of these tables a step read from end to end, and how many rows of each it fetched through an index."""
    before = counters(tables)
    step()
    after = counters(tables)
    whole = {table for table in after if after[table][0] > before[table][0]}
    fetched = {table: after[table][1] - before[table][1] for table in after}
    return whole, {table: rows for table, rows in fetched.items() if rows}


def counters(tables: Sequence[str]) -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname, seq_scan, idx_tup_fetch from pg_stat_xact_user_tables where relname = any(%s)",
            [list(tables)],
        )
        return {table: (whole, by_index) for table, whole, by_index in cursor.fetchall()}
