"""Numbers out of Redis, which may have been emptied, restarted, or be away."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib import redis as our_redis
from concert_site.lib.errors import Unavailable
from concert_site.lib.redis import client
from concert_site.tests.redis_server import redis_of_our_own
from queueing.domain import counters
from queueing.domain.counters import COUNTER_KEY, last_number, next_number
from queueing.models import WaitingToken
from queueing.tests.factories import NOW, make_line, numbers_of, stand_in_line
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db


def join(schedule):
    return stand_in_line(user_id=make_fan().pk, schedule_id=schedule.pk, now=NOW)


def counter_of(schedule):
    names = ("run", "number")
    kept = client().hmget(COUNTER_KEY % schedule.pk, *names)
    return {name: value.decode() for name, value in zip(names, kept, strict=True)}


def run_id():
    return client().info("server")["run_id"]


def calls_while(step):
    """How many commands our Redis received from this process while a step ran."""
    before = client().info("stats")["total_commands_processed"]
    step()
    # The question itself is one.
    return client().info("stats")["total_commands_processed"] - before - 1


def test_numbers_begin_with_one_and_the_counter_knows_its_run():
    schedule = make_schedule()

    assert [next_number(schedule.pk) for _ in range(3)] == [1, 2, 3]
    assert counter_of(schedule) == {"run": run_id(), "number": "3"}


def test_a_missing_counter_goes_on_behind_the_last_of_the_line():
    schedule = make_schedule()
    make_line(schedule, 7)

    assert next_number(schedule.pk) == 8


def test_an_expired_number_is_not_given_again():
    schedule = make_schedule()
    make_line(schedule, 3)
    WaitingToken.objects.filter(number=3).move("WAITING", "EXPIRED", expired_at=NOW, expired_reason="LEFT")

    assert next_number(schedule.pk) == 4


def test_the_counter_of_another_run_counts_as_missing():
    """A restarted Redis may have lost its last second: what it kept is too low."""
    schedule = make_schedule()
    make_line(schedule, 7)
    client().hset(COUNTER_KEY % schedule.pk, mapping={"run": "0" * 40, "number": 5})

    assert next_number(schedule.pk) == 8
    assert counter_of(schedule) == {"run": run_id(), "number": "8"}


def test_control_a_counter_kept_across_runs_hands_out_what_is_taken():
    schedule = make_schedule()
    make_line(schedule, 7)
    client().hset(COUNTER_KEY % schedule.pk, mapping={"run": run_id(), "number": 5})

    assert next_number(schedule.pk) == 6


def test_lifting_never_lowers():
    schedule = make_schedule()
    for _ in range(3):
        next_number(schedule.pk)

    counters.lift(schedule.pk)

    assert next_number(schedule.pk) == 4


def lose(redis):
    redis.client.flushall()


def restart(redis):
    redis.stop()
    redis.start()
    our_redis.breaker.closed_until = 0.0


@pytest.mark.parametrize("lose_redis", [lose, restart])
def test_a_lift_that_stalls_while_redis_is_lost_again_lifts_nothing(lose_redis):
    """Else a number that nobody has, below those that were answered since, went to whoever comes next."""
    schedule = make_schedule()
    with redis_of_our_own() as redis:
        mark, seen = counters.begin_lift(schedule.pk), last_number(schedule.pk)
        lose_redis(redis)
        # Whoever got it is killed before the insert.
        assert next_number(schedule.pk) == 1
        given = [join(schedule).token.number for _ in range(2)]
        lose_redis(redis)

        assert not counters.end_lift(schedule.pk, seen=seen, mark=mark)
        assert [*given, join(schedule).token.number] == [2, 3, 4]


def test_a_lift_that_stalls_while_others_count_on_lowers_nothing():
    schedule = make_schedule()
    mark = counters.begin_lift(schedule.pk)
    for _ in range(3):
        next_number(schedule.pk)

    assert counters.end_lift(schedule.pk, seen=0, mark=mark)
    assert next_number(schedule.pk) == 4


def test_lifts_at_once_share_their_mark():
    schedule = make_schedule()

    assert counters.begin_lift(schedule.pk) == counters.begin_lift(schedule.pk)


def test_a_taken_number_lifts_the_counter_and_tries_again():
    schedule = make_schedule()
    make_line(schedule, 7)
    client().hset(COUNTER_KEY % schedule.pk, mapping={"run": run_id(), "number": 5})

    assert join(schedule).token.number == 8
    assert numbers_of(schedule, "WAITING") == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_number_costs_one_call_and_no_query(django_assert_num_queries):
    schedule = make_schedule()
    next_number(schedule.pk)
    with redis_of_our_own():
        next_number(schedule.pk)

        with django_assert_num_queries(0):
            # The script's own steps are counted by Redis as well: INFO, HGET, HINCRBY.
            assert calls_while(lambda: next_number(schedule.pk)) == 4


def test_the_maximum_is_read_from_the_end_of_an_index():
    schedule = make_schedule()
    make_line(schedule, 300)
    with CaptureQueriesContext(connection) as queries:
        assert last_number(schedule.pk) == 300

    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("explain " + queries[0]["sql"])
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "Index" in plan
    assert "Backward" in plan
    assert "Sort" not in plan


def test_an_emptied_redis_keeps_the_order_of_the_line():
    schedule = make_schedule()
    with redis_of_our_own() as redis:
        given = []
        for nth in range(9):
            if nth % 3 == 2:
                redis.client.flushall()
            given.append(join(schedule).token.number)

    assert given == list(range(1, 10))


def test_a_restarted_redis_keeps_the_order_of_the_line():
    schedule = make_schedule()
    with redis_of_our_own() as redis:
        assert join(schedule).token.number == 1
        redis.stop()
        with pytest.raises(Unavailable):
            join(schedule)
        redis.start()
        our_redis.breaker.closed_until = 0.0

        assert join(schedule).token.number == 2


def test_two_lives_of_redis_have_two_names():
    with redis_of_our_own() as redis:
        first = run_id()
        redis.stop()
        redis.start()

        assert run_id() != first
