"""SQL functions that cost nothing and see what their callers see: PostgreSQL writes them in the place of their calls.

All that are not VOLATILE are such: called, one would keep its caller's snapshot, and count the past behind a lock.
"""

import pytest
from django.db import connection

from concert_site.lib.database.sql_functions import functions_in

# The first reads in two places, and is asked where nothing is locked; the others read no table: the triggers of the
# trace ask them what statement they are in, and how to read a column.
CALLED = {"schedule_is_sold_out", "trace_context", "trace_value"}

pytestmark = pytest.mark.django_db


def plan_of(sql: str) -> str:
    """The plan of a query, with its expressions."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain (verbose, costs off) {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def inlined() -> list[str]:
    """Our functions that are not VOLATILE."""
    with connection.cursor() as cursor:
        oids = [function.oid for function in functions_in(cursor)]
        cursor.execute("select proname from pg_proc where oid = any(%s) and provolatile <> 'v'", [oids])
        return sorted(name for (name,) in cursor.fetchall() if name not in CALLED)


def call_of(name: str) -> str:
    """A query that calls it of every row, with columns for what rows have and a clock for the moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select proargnames[:pronargs], string_to_array(oidvectortypes(proargtypes), ', '), proretset
              from pg_proc where proname = %s
            """,
            [name],
        )
        names, types, is_table = cursor.fetchone()
    columns = ", ".join(f"null::{kind} as {column}" for column, kind in zip(names, types, strict=True))
    arguments = ", ".join("statement_timestamp()" if column == "p_at" else column for column in names)
    rows = f"(select {columns} from generate_series(1, 2) offset 0) rows"
    return (
        f"select found.* from {rows}, {name}({arguments}) found"
        if is_table
        else f"select {name}({arguments}) from {rows}"
    )


def test_whatever_is_not_volatile_is_written_in_the_place_of_its_call():
    names = inlined()

    assert {"seat_is_free", "token_is_inside", "token_pass", "own_reservations", "balance_of"} <= set(names)
    assert [name for name in names if f"{name}(" in plan_of(call_of(name))] == []


@pytest.mark.parametrize("name", ["reservation_is_held", "own_reservations"])
def test_control_what_is_called_shows(name):
    with connection.cursor() as cursor:
        cursor.execute(f"alter function {name} strict")

    assert f"{name}(" in plan_of(call_of(name))


@pytest.mark.parametrize(
    ("table", "condition", "index"),
    [
        ("reservation", "user_id = 1 and reservation_is_live(status, expired_at, now())", "reservation_fan_live"),
        ("reservation", "reservation_has_lapsed(status, expired_at, now())", "reservation_reserving"),
        ("reservation", "reservation_is_held(status, expired_at, now())", "reservation_reserving"),
        ("waiting_token", "user_id = 1 and token_is_live(status)", "token_one_live"),
        ("waiting_token", "concert_schedule_id = 1 and token_is_inside(status, expired_at, now())", "token_active"),
        ("waiting_token", "concert_schedule_id = 1 and token_has_lapsed(status, expired_at, now())", "token_active"),
    ],
)
def test_the_partial_indexes_are_found_through_a_predicate(table, condition, index):
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        # Of an empty table any index is as good as another; so there is none but this, and the key.
        cursor.execute(
            "select indexname from pg_indexes where tablename = %s and indexname <> %s and indexdef like '%% WHERE %%'",
            [table, index],
        )
        for (other,) in cursor.fetchall():
            cursor.execute(f"drop index {other}")

    assert index in plan_of(f"select 1 from {table} where {condition}")
