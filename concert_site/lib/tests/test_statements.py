"""Hot statements on one connection: prepared at the first call, by a single call of libpq from the second on."""

import os
import socket

import pytest
from django.conf import settings
from django.db import DataError, OperationalError, connection

from concert_site.lib.database.statements import PreparedCursor, fetch, fetch_one
from concert_site.lib.errors import Unavailable, as_domain_error

pytestmark = pytest.mark.django_db(transaction=True)

SQL = (
    "select %(number)s::int as number, %(text)s::text as text, 6 / %(divisor)s::int as share, %(ids)s::bigint[] as ids"
)
PARAMS = {"number": 1, "text": None, "divisor": 2, "ids": [3, None]}
ROW = {"number": 1, "text": None, "share": 3, "ids": [3, None]}


def test_each_call_answers_with_its_own_parameters():
    assert [fetch_one(SQL, PARAMS | {"number": number})["number"] for number in range(4)] == [0, 1, 2, 3]
    assert [fetch_one(SQL, PARAMS) for _ in range(3)] == [ROW] * 3


def test_what_the_server_refuses_is_djangos_error_and_the_next_call_works():
    fetch(SQL, PARAMS)
    for _ in range(2):
        with pytest.raises(DataError, match="division by zero"):
            fetch(SQL, PARAMS | {"divisor": 0})
        assert fetch_one(SQL, PARAMS) == ROW


def hang_up(raw):
    with socket.socket(fileno=os.dup(raw.fileno())) as of_postgres:
        of_postgres.shutdown(socket.SHUT_RDWR)


def have_it_ended(raw):
    with connection.copy().cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 5000)", [raw.info.backend_pid])
        cursor.db.close()


@pytest.mark.parametrize("calls_before", [0, 1])
@pytest.mark.parametrize("lose", [hang_up, have_it_ended])
def test_a_connection_that_is_lost_is_a_service_that_is_away(lose, calls_before):
    if lose is have_it_ended and settings.DATABASE_POOLER:
        pytest.skip("a pooler asks another backend, and nothing is lost")
    connection.close()
    connection.ensure_connection()
    for _ in range(calls_before):
        fetch(SQL, PARAMS)

    lose(connection.connection)

    with pytest.raises(OperationalError) as lost:
        fetch(SQL, PARAMS)
    assert isinstance(as_domain_error(lost.value), Unavailable)
    connection.close()
    assert fetch_one(SQL, PARAMS) == ROW


def test_the_second_call_is_a_single_one_of_libpq(monkeypatch):
    fetch(SQL, PARAMS)
    monkeypatch.setattr(PreparedCursor, "_send_query_prepared", None)

    assert fetch_one(SQL, PARAMS) == ROW


def test_a_transaction_begins_with_it_and_ends_with_its_error():
    with pytest.raises(DataError), connection.cursor() as cursor:  # noqa: PT012  the second one is what fails
        connection.set_autocommit(False)
        try:
            fetch(SQL, PARAMS)
            fetch(SQL, PARAMS)
            cursor.execute("select pg_current_xact_id_if_assigned() is null, now() = statement_timestamp()")
            assert cursor.fetchone() == (True, False)
            fetch(SQL, PARAMS | {"divisor": 0})
        finally:
            connection.rollback()
            connection.set_autocommit(True)
    assert fetch_one(SQL, PARAMS) == ROW
