"""What the functions of booking are, as the database has them."""

import re

import pytest
from django.db import connection

from concert_site.lib.database.sql_functions import functions_in, sql_files
from concert_site.lib.database.sql_install import differences

HOT = ["hold_seats", "booking_again", "release_own_lapsed", "pay_reservations"]
STEPS = ["lock_held", "sell_held", "book_payments", "enter_line", "lock_active_tokens", "end_active_tokens"]
CHOOSING = ["pick_best_available", "pick_in_hall", "best_windows", "free_stretches", "pick_substitutes", "lonely_seats"]
NEARLY = ["release_hold", "release_booking", "extend_hold", "cancel_reservation", "refund_reservation", "book_entry"]

pytestmark = pytest.mark.django_db


def column_of(column: str) -> dict[str, object]:
    """A column of pg_proc, for each function that was installed."""
    with connection.cursor() as cursor:
        oids = [function.oid for function in functions_in(cursor)]
        cursor.execute(f"select proname, {column} from pg_proc where oid = any(%s)", [oids])
        return dict(cursor.fetchall())


def test_hot_write_functions_are_sql_files():
    names = {name for file in sql_files() for name in file.names}

    assert {*HOT, *STEPS, *NEARLY, *CHOOSING, "hold_exceeds_limit"} <= names
    assert column_of("proname").keys() == names


def test_installed_functions_equal_their_files():
    assert differences(connection) == []


def test_every_kind_of_advisory_lock_has_a_class_of_its_own():
    classes = [each for file in sql_files() for each in re.findall(r"\((\d+)::bigint << 56\)", file.text)]

    assert sorted(classes) == ["70", "71", "72", "73"]


def test_every_function_sees_what_was_committed_before_each_of_its_statements():
    """A STABLE one would keep the snapshot of its caller, and count the past behind a lock.

    Those of one SELECT may be: they are no calls at all (concert_site/tests/test_predicates.py).
    """
    languages = column_of("(select lanname from pg_language l where l.oid = prolang)")
    assert {
        name for name, kind in column_of("provolatile").items() if kind != "v" and languages[name] != "sql"
    } == set()


@pytest.mark.parametrize("name", HOT + NEARLY + CHOOSING)
def test_hot_functions_use_a_generic_plan(name):
    """Custom plans, made anew at each call, cost most of a hold. The steps of others have it from these."""
    assert column_of("proconfig")[name] == ["plan_cache_mode=force_generic_plan"]


@pytest.mark.parametrize("file", sql_files(), ids=lambda file: file.path)
def test_files_of_functions_make_nothing_else(file):
    """What else a file made would be made again at each change, and would stay when the file goes."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_class")
        before = cursor.fetchone()
        cursor.execute("select set_config('search_path', 'pg_temp, public', true)")
        cursor.execute(file.text)
        made = functions_in(cursor)
        cursor.execute("select count(*) from pg_class")

        assert cursor.fetchone() == before
        assert sorted(function.name for function in made) == sorted(file.names)
