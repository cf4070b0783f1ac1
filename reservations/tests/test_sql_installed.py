"""The functions in the database are those of the .sql files."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

FUNCTIONS = """
select proname, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result, prosrc,
       provolatile, proparallel, proisstrict, prosecdef, proconfig, lanname
  from pg_proc p join pg_language l on l.oid = p.prolang
 where pronamespace = %s::regnamespace and proname = any(%s)
 order by proname, arguments
"""
CREATES = re.compile(r"^create or replace function (\w+)", re.MULTILINE | re.IGNORECASE)
FILES = [
    path
    for app in ("queueing", "reservations", "payments", "wallet")
    for path in sorted((Path(apps.get_app_config(app).path) / "domain").glob("*.sql"))
    if CREATES.search(path.read_text())
]

pytestmark = pytest.mark.django_db


def functions_in(schema: str, names: list[str]) -> list[dict[str, object]]:
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS, [schema, names])
        columns = [column.name for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def installed_anew(path: Path, names: list[str]) -> list[dict[str, object]]:
    """The file's functions, made a second time in a schema of their own; the test's rollback removes it."""
    with connection.cursor() as cursor:
        cursor.execute("create schema anew")
        cursor.execute("set local search_path = anew, public")
        cursor.execute(path.read_text())
        cursor.execute("set local search_path = public")
    return functions_in("anew", names)


def test_the_hot_writes_lie_in_files():
    names = {name for path in FILES for name in CREATES.findall(path.read_text())}

    assert {"hold_seats", "booking_again", "live_seats_of", "release_own_lapsed", "pay_reservations"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_and_database_are_the_same(path):
    names = CREATES.findall(path.read_text())

    installed = functions_in("public", names)

    assert installed == installed_anew(path, names)
    assert sorted(each["proname"] for each in installed) == sorted(names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_function_sees_what_was_committed_before_each_of_its_statements(path):
    """A STABLE one would keep the snapshot of its caller, and count the past behind a lock."""
    installed = functions_in("public", CREATES.findall(path.read_text()))

    assert {each["proname"]: each["provolatile"] for each in installed} == {each["proname"]: "v" for each in installed}


@pytest.mark.parametrize("name", ["hold_seats", "booking_again", "release_own_lapsed", "pay_reservations"])
def test_hot_functions_plan_once(name):
    """Custom plans, made anew at each call, cost most of a hold."""
    (function,) = functions_in("public", [name])

    assert function["proconfig"] == ["plan_cache_mode=force_generic_plan"]
