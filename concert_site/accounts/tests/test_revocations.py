"""The list of access tokens that are over, as a process holds it: complete, and believed no longer than it may be."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from concert_site.accounts import revocations
from concert_site.accounts.models import AccessRevocation
from concert_site.accounts.revocations import MOST_NEW, NEW, REFRESH_SECONDS, VERSION, all_rows, is_over, rows_since
from concert_site.accounts.tests.factories import api_of, make_fan
from concert_site.lib.errors import Unavailable
from concert_site.lib.redis import client
from concert_site.tests.away import postgres_away, redis_away

WALLET = "/api/v1/wallet/"


@pytest.fixture(autouse=True)
def as_on_a_site(monkeypatch):
    """With the lease of a running site, which other tests have longer; and nothing read so far."""
    monkeypatch.setattr(revocations, "LEASE_SECONDS", 1.0)
    revocations.revocations.clear()


def claims(user_id, **more):
    return {"sub": str(user_id), "sid": "", "iat": int(time.time()), **more}


def readings(seconds):
    """How often PostgreSQL is read while somebody asks all the time."""
    with CaptureQueriesContext(connection) as queries:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            is_over(claims(1))
            time.sleep(0.001)
    return len(queries)


def look_again():
    """Let the belief of this moment run out."""
    time.sleep(REFRESH_SECONDS + 0.01)


@pytest.mark.django_db
def test_with_redis_postgresql_is_read_once_a_second_whoever_asks():
    assert 2 <= readings(1.5) <= 3


@pytest.mark.django_db
def test_without_redis_postgresql_is_read_ten_times_a_second_at_most():
    with redis_away():
        assert 3 <= readings(1.0) <= 11


@pytest.mark.django_db
def test_what_another_process_adds_is_known_at_the_next_look():
    assert not is_over(claims(5))

    # What another process does: its commit, and its change of the version.
    AccessRevocation.objects.create(user_id=5)
    client().set(VERSION, "another")
    look_again()

    assert is_over(claims(5))
    assert not is_over(claims(5, rev=AccessRevocation.objects.get(user_id=5).pk))


@pytest.mark.django_db
def test_what_nobody_tells_redis_is_known_within_the_lease():
    assert not is_over(claims(5))
    AccessRevocation.objects.create(user_id=5)

    time.sleep(revocations.LEASE_SECONDS)

    assert is_over(claims(5))


@pytest.mark.django_db
def test_a_token_of_a_longer_life_than_the_list_is_over():
    """After ACCESS_TOKEN_SECONDS was lowered: what ended it may be forgotten."""
    assert is_over(claims(5, iat=int(time.time()) - 13 * 3600))
    assert is_over({"sub": "5", "sid": ""})


@pytest.mark.django_db(transaction=True)
def test_a_revocation_that_commits_late_is_found_though_later_ones_were_read():
    """Ids and times are given before the commit: what is newer than the newest seen is not all that is new."""
    has_written, may_commit = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            AccessRevocation.objects.create(user_id=5)
            has_written.set()
            may_commit.wait(60)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    has_written.wait(60)
    AccessRevocation.objects.create(user_id=6)
    assert (is_over(claims(5)), is_over(claims(6))) == (False, True)
    may_commit.set()
    thread.join()
    client().set(VERSION, "another")
    look_again()

    assert is_over(claims(5))


@pytest.mark.django_db(transaction=True)
def test_later_readings_read_what_is_new_alone():
    for user_id in range(5):
        last = AccessRevocation.objects.create(user_id=user_id)
    last.refresh_from_db()
    # Transactions of other databases of the server, begun before, hold the horizon back for a moment.
    until = time.monotonic() + 30
    while (horizon := all_rows()[0]["horizon"]) <= last.transaction and time.monotonic() < until:
        time.sleep(0.05)
    AccessRevocation.objects.create(user_id=9)

    assert [row["user_id"] for row in rows_since(horizon)] == [9]


@pytest.mark.django_db
def test_a_rush_of_revocations_is_read_to_its_end():
    assert not is_over(claims(1))
    AccessRevocation.objects.bulk_create(AccessRevocation(user_id=user_id) for user_id in range(1, MOST_NEW + 11))
    client().set(VERSION, "another")
    look_again()

    assert all(is_over(claims(user_id)) for user_id in (1, MOST_NEW, MOST_NEW + 10))


@pytest.mark.django_db
def test_what_is_new_is_found_by_its_index_among_a_hundred_thousand():
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into access_revocation (user_id, session_hash, transaction, created_at)"
            " select n, '', 1, now() from generate_series(1, 100000) n"
        )
        cursor.execute("analyze access_revocation")
        cursor.execute("prepare reading (bigint) as " + NEW.replace("%(since)s", "$1"))
        cursor.execute("explain (analyze) execute reading (2)")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Seq Scan" not in plan
    assert "Rows Removed" not in plan


@pytest.mark.django_db(transaction=True)
def test_who_can_t_be_asked_about_is_not_let_in():
    fan = make_fan()
    api = api_of(fan)
    assert api.get(WALLET).status_code == 200

    with postgres_away():
        look_again()
        time.sleep(revocations.LEASE_SECONDS)
        with pytest.raises(Unavailable):
            is_over(claims(fan.pk))
        answer = api.get(WALLET)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    assert api.get(WALLET).status_code == 200


@pytest.mark.django_db
def test_no_statement_is_added_to_a_request_whose_process_knows_the_list(django_assert_num_queries):
    api = api_of(make_fan())
    api.get(WALLET)

    with django_assert_num_queries(1):  # the balance
        api.get(WALLET)
