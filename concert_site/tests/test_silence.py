"""The watch for a PostgreSQL that says nothing, by itself; test_up_deaths.py freezes one under a site."""

import time

import psycopg
import pytest
from django.db import connection

from concert_site.embedded import stamps
from concert_site.lib.database import silence
from concert_site.lib.database.backend import base
from concert_site.lib.database.silence import SilenceWatch


class EndedConnection:
    """Of a pooler whose server is gone: it lets clients in, and ends each of them at its first question."""

    closed = False

    def execute(self, _statement):
        raise psycopg.OperationalError("server login has been failing, try again later")

    def close(self):
        self.closed = True


def test_a_pooler_without_a_server_is_asked_a_few_times_a_second(monkeypatch):
    made = []
    monkeypatch.setattr(silence.psycopg, "connect", lambda **_params: made.append(EndedConnection()) or made[-1])
    watch = SilenceWatch(looks=1_000)

    watch.start()
    time.sleep(4 * silence.PAUSE_SECONDS)
    watch.stop()

    assert 1 <= len(made) <= 4
    assert all(each.closed for each in made[:-1])


@pytest.mark.django_db
def test_a_connection_is_hung_up_on_while_its_database_is_judged(monkeypatch):
    is_remembered = []
    monkeypatch.setattr(stamps, "_unasked", {"test"})
    judge = lambda raw: is_remembered.append(raw in silence._connections["default"])  # noqa: E731  short
    monkeypatch.setattr(base, "refuse_of_another_mode", judge)

    other = connection.copy()
    other.ensure_connection()
    other.close()

    assert is_remembered == [True]
