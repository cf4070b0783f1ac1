"""Each app's predicates.sql: rules that cost nothing, because PostgreSQL writes them in the place of their calls."""

import pytest
from django.db import connection

from concert_site.lib.database.sql_functions import sql_files

PREDICATES = sorted(name for file in sql_files() if file.path.endswith("/predicates.sql") for name in file.names)
# They read tables.
CALLED = {"schedule_is_sold_out"}

pytestmark = pytest.mark.django_db


def plan_of(sql: str) -> str:
    """The plan of a query, with its expressions."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain (verbose, costs off) {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def call_of(name: str) -> str:
    """A query that asks a predicate of every row, with columns for what rows have and a clock for the moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select proargnames, string_to_array(oidvectortypes(proargtypes), ', ') from pg_proc where proname = %s",
            [name],
        )
        names, types = cursor.fetchone()
    columns = ", ".join(f"null::{kind} as {column}" for column, kind in zip(names, types, strict=True))
    arguments = ", ".join("statement_timestamp()" if column == "p_at" else column for column in names)
    return f"select {name}({arguments}) from (select {columns} from generate_series(1, 2) offset 0) rows"


@pytest.mark.parametrize("name", [name for name in PREDICATES if name not in CALLED])
def test_a_predicate_is_written_in_the_place_of_its_call(name):
    assert name not in plan_of(call_of(name))


def test_control_a_predicate_that_is_called_shows():
    name = "reservation_is_held"
    with connection.cursor() as cursor:
        cursor.execute(f"alter function {name} strict")

    assert name in plan_of(call_of(name))


@pytest.mark.parametrize(
    ("table", "condition", "index"),
    [
        ("reservation", "user_id = 1 and reservation_is_live(status, expired_at, now())", "reservation_fan_live"),
        ("reservation", "reservation_has_lapsed(status, expired_at, now())", "reservation_reserving"),
        ("reservation", "reservation_is_held(status, expired_at, now())", "reservation_reserving"),
        ("waiting_token", "concert_schedule_id = 1 and token_is_inside(status, expired_at, now())", "token_active"),
        ("waiting_token", "concert_schedule_id = 1 and token_has_lapsed(status, expired_at, now())", "token_active"),
    ],
)
def test_the_partial_indexes_are_found_through_a_predicate(table, condition, index):
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")

    assert index in plan_of(f"select 1 from {table} where {condition}")
