"""Sixteen processes in one sale, from the lobby on, while Redis, connections and processes are taken away."""

import random
import time
from contextlib import suppress
from datetime import timedelta

import psutil
import pytest
from django.db import connection
from django.utils.timezone import now

from concert_site.tests.audited import broken_invariants
from concert_site.tests.line_proofs import admissions_of_the_drawn, broken_promises, draw_of, overtaken
from concert_site.tests.redis_server import redis_of_our_own
from concert_site.tests.storm import noted, storm
from concert_site.tests.up_process import wait_until
from queueing.tests.factories import make_fans
from queueing.tests.watching import watched
from reservations.domain import waiting_room
from reservations.tests.factories import make_schedule, make_seats
from wallet.tests.factories import make_charge

pytestmark = pytest.mark.django_db(transaction=True)

CAP = 5
PROCESSES = 16
FANS = 240
LOBBY_SECONDS = 4.0
LEAST_OPEN_SECONDS = 8.0
# On a machine that has other things to do as well.
MOST_OPEN_SECONDS = 40.0
EVERYTHING = {"join", "enter", "leave", "hold", "pay", "tick", "lapse", "draw"}
# Between a number's being handed out, or its row's being written, and its being seen by everybody.
SETTLED_SECONDS = 4.0
OPEN_IN = "update concert_schedule set reservation_available_at = clock_timestamp() + %s where id = %s"
CUT = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and application_name = 'storm' order by random() limit 4
"""


def make_sale():
    """A sale whose lobby is open, with more seats than can be sold."""
    opens_at = now() + timedelta(minutes=30)
    schedule = make_schedule(queue_max_active=CAP, reservation_available_at=opens_at)
    make_seats(schedule, 2000)
    for fan in make_fans(FANS):
        make_charge(fan, amount=10_000_000)
    return schedule


def run(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


class FaultInjector:
    """Takes things away from everybody."""

    def __init__(self, schedule, redis, crowd):
        self.schedule, self.redis, self.crowd = schedule, redis, crowd

    def flush(self):
        self.redis.client.flushall()

    def hang_up(self):
        """End all connections to Redis but ours."""
        self.redis.client.client_kill_filter(_type="normal", skipme=True)

    def cut(self):
        run(CUT)

    def kill(self):
        """End two processes in the middle of whatever they do."""
        processes = psutil.Process(self.crowd.pid).children()
        for process in random.sample(processes, min(2, len(processes))):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def restart_redis(self):
        self.redis.stop()
        time.sleep(0.3)
        self.redis.start()

    def work(self, seconds):
        """One thing after the other, ten times a second."""
        end = time.monotonic() + seconds
        steps = [self.flush, self.hang_up, self.cut, self.cut, self.kill]
        while time.monotonic() < end:
            random.choice(steps)()
            time.sleep(0.1)


def spoil(saboteur):
    """What happens from the lobby on: little at first, everything around the opening and the draw."""
    run(OPEN_IN, timedelta(seconds=LOBBY_SECONDS), saboteur.schedule)
    time.sleep(LOBBY_SECONDS / 2)
    saboteur.flush()
    time.sleep(LOBBY_SECONDS / 2 - 0.5)
    saboteur.work(2)
    saboteur.restart_redis()
    time.sleep(2)
    saboteur.work(1)
    time.sleep(LEAST_OPEN_SECONDS - 5)


def test_sixteen_processes_from_the_lobby_on_keep_the_cap_the_order_and_every_place(tmp_path):
    schedule = make_sale()

    with redis_of_our_own() as redis, watched(schedule) as sampled:
        with storm(tmp_path, schedule.pk, processes=PROCESSES) as crowd:
            spoil(FaultInjector(schedule.pk, redis, crowd))
            wait_until(lambda: names(noted(tmp_path), "done") >= EVERYTHING, "all was done", MOST_OPEN_SECONDS)
        # Should every draw have been cut off.
        waiting_room.draw_line(schedule.pk)

    notes = noted(tmp_path)
    drawn, again = draw_of(schedule.pk)
    assert names(notes, "broken") == set()
    assert names(notes, "cut")
    assert 0 < max(sampled) <= CAP
    assert broken_promises(schedule.pk, notes) == []
    assert overtaken(schedule.pk, seconds=SETTLED_SECONDS) == []
    by_number = admissions_of_the_drawn(schedule.pk)
    assert by_number == sorted(by_number)
    assert drawn == again
    assert len(drawn) > 20
    assert broken_invariants() == {}


def names(notes, kind):
    """What was said in notes of a kind."""
    return {note.said for note in notes if note.kind == kind}
