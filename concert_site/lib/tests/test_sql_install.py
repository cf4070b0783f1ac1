"""Whatever functions a database has, migrating leaves those of the files, and no call fails meanwhile."""

import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from concert_site.lib.database import sql_functions, sql_install
from concert_site.lib.database.sql_functions import SqlFile, functions_in, is_up_to_date
from concert_site.lib.database.sql_install import differences, install
from concert_site.lib.database.statements import fetch
from concert_site.tests.committed import committed
from concert_site.tests.mutants import run

# In the places of the product's own functions, these of a file that changes.
FIRST = "create or replace function fare(p_seats bigint) returns bigint\nlanguage sql as $$ select p_seats * 100 $$;\n"
OTHER_BODY = FIRST.replace("100", "200")
OTHER_NAMES = FIRST.replace("p_seats", "p_count")
OTHER_RESULT = FIRST.replace("returns bigint", "returns text").replace("p_seats * 100", "'free of charge'")
OTHER_TYPES = FIRST.replace("p_seats bigint", "p_seats integer")
TRIGGER_FUNCTIONS = "select array_agg(oid order by oid) from pg_proc where prorettype = 'trigger'::regtype"
DEFAULT = FIRST.replace("p_seats bigint", "p_seats bigint default 1")


@pytest.fixture
def ship(monkeypatch):
    """Make these the functions that our apps have, beside their own."""
    own = sql_functions.sql_files()

    def ship(*texts):
        files = (
            SqlFile(f"app/{number}.sql", text, tuple(sql_functions.CREATES.findall(text)))
            for number, text in enumerate(texts)
        )
        shipped = (*own, *files)
        for module in (sql_functions, sql_install):
            monkeypatch.setattr(module, "sql_files", lambda: shipped)

    return ship


def comments():
    with connection.cursor() as cursor:
        return {function.name: function.comment for function in functions_in(cursor)}


def value_of(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.django_db
class TestInstalling:
    def test_a_migrated_database_has_them_and_is_asked_once(self):
        assert differences(connection) == []

        with CaptureQueriesContext(connection) as queries:
            install(connection)

        assert len(queries) == 1

    @pytest.mark.parametrize(
        ("before", "after", "fare"),
        [
            (FIRST, OTHER_BODY, 200),
            (FIRST, OTHER_NAMES, 100),
            (FIRST, OTHER_RESULT, "free of charge"),
            (FIRST, OTHER_TYPES, 100),
            (FIRST, DEFAULT, 100),
            (DEFAULT, FIRST, 100),
        ],
        ids=["body", "names", "result", "types", "default", "default gone"],
    )
    def test_install_after_any_change_of_the_files(self, ship, before, after, fare):
        ship(before)
        install(connection)
        ship(after)
        assert not is_up_to_date(connection)

        install(connection)

        assert value_of("select fare(1)") == fare
        live = [name for name in comments() if name.startswith("fare")]
        assert live == ["fare"]
        assert value_of("select count(*) from pg_proc where proname = 'fare'") == 1

    def test_of_a_database_that_had_them_before_they_were_marked(self, ship):
        run(FIRST, OTHER_TYPES)
        ship(OTHER_RESULT)

        install(connection)

        assert value_of("select fare(1)") == "free of charge"
        assert value_of("select count(*) from pg_proc where proname = 'fare'") == 1

    def test_one_that_is_no_longer_shipped_goes_and_one_of_somebody_else_stays(self, ship):
        run("create function discount() returns bigint language sql as 'select 5'")
        ship(FIRST)
        install(connection)
        ship()

        install(connection)

        assert value_of("select count(*) from pg_proc where proname = 'fare'") == 0
        assert value_of("select discount()") == 5

    def test_one_that_was_changed_by_hand_is_put_right(self):
        run("create or replace function lobby_key(p_schedule bigint) returns bigint language sql as 'select 1'")
        assert is_up_to_date(connection, forgive_edits=True)
        assert differences(connection) == ["lobby_key(bigint): not as its file makes it"]

        call_command("migrate", verbosity=0)

        assert differences(connection) == []
        assert value_of("select lobby_key(7)") != 1

    def test_one_that_was_dropped_by_hand_is_made_again(self):
        run("drop function pay_reservations")
        assert not is_up_to_date(connection, forgive_edits=True)

        install(connection)

        assert differences(connection) == []

    def test_files_may_call_each_other_and_name_what_is_yet_to_come(self, ship):
        calls = FIRST.replace("fare", "a_total").replace("p_seats * 100", "fare(p_seats) + n from soon")
        ship(calls, FIRST)

        install(connection)

        assert {"a_total", "fare"} <= comments().keys()

    def test_the_triggers_functions_are_left_alone(self):
        before = value_of(TRIGGER_FUNCTIONS)
        run("drop function pay_reservations")

        install(connection)

        assert before
        after = value_of(TRIGGER_FUNCTIONS)
        assert after == before

    def test_nothing_is_installed_if_one_file_is_no_sql(self, ship):
        ship(OTHER_BODY, "create or replace function broken(\n")

        with pytest.raises(Exception, match="syntax error"), transaction.atomic():
            install(connection)

        assert "fare" not in comments()


@pytest.mark.django_db
def test_check_sql_says_what_differs(capsys):
    call_command("check_sql")
    assert "as its file makes it" in capsys.readouterr().out
    run("drop function lobby_key(bigint)", "create function lobby_key(p text) returns text language sql as 'select p'")

    with pytest.raises(CommandError, match=r"run `manage\.py migrate`"):
        call_command("check_sql")

    assert capsys.readouterr().out == "lobby_key(bigint): missing\nlobby_key(text): not of any file\n"


class Callers:
    """Threads that call fare() all the time, each on a connection and a prepared statement of its own."""

    def __init__(self, threads=2):
        self.values, self.errors, self.is_over = set(), [], threading.Event()
        self.threads = [threading.Thread(target=self._call) for _ in range(threads)]

    def _call(self):
        try:
            while not self.is_over.wait(0.002):
                self.values.add(fetch("select fare as value from fare(%(seats)s)", {"seats": 1})[0]["value"])
        except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
            self.errors.append(error)
        finally:
            connections.close_all()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(10)


@committed
class TestUnderRequests:
    @pytest.fixture(autouse=True)
    def clean(self, monkeypatch):
        yield
        monkeypatch.undo()
        install(connection)
        assert differences(connection) == []

    @pytest.mark.parametrize(
        ("after", "fare"), [(OTHER_BODY, 200), (OTHER_RESULT, "free of charge")], ids=["replaced", "set aside"]
    )
    def test_no_call_fails(self, ship, monkeypatch, after, fare):
        ship(FIRST)
        install(connection)
        with Callers() as callers:
            for _round in range(3):
                for text in (after, FIRST):
                    ship(text)
                    install(connection)
                    time.sleep(0.01)

        assert callers.errors == []
        assert callers.values == {100, fare}
        assert not any(name.startswith("retired") for name in comments())

    def test_what_a_long_transaction_may_still_run_is_dropped_by_the_next_migrate(self, ship, monkeypatch):
        monkeypatch.setattr(sql_install, "PATIENCE_SECONDS", 0.2)
        ship(FIRST)
        install(connection)
        other = connection.copy()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select fare(1)")
        ship(OTHER_RESULT)

        install(connection)

        assert any(name.startswith("retired") for name in comments())
        assert is_up_to_date(connection, forgive_edits=True)
        other.close()
        install(connection)
        assert not any(name.startswith("retired") for name in comments())

    def test_many_install_at_once(self, ship):
        ship(FIRST)
        install(connection)
        ship(OTHER_RESULT)
        errors = []

        def migrate():
            try:
                install(connection)
            except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=migrate) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert errors == []
        assert value_of("select fare(1)") == "free of charge"
        assert is_up_to_date(connection)
