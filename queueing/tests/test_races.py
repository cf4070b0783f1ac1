"""The line at the same moment, on connections of their own; each guard with a control that lacks it.

Where the order matters it is set by hand: our own transaction is open, the other begins, ours commits.
"""

import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import make_fan
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import mutant
from concert_site.tests.pooled import session_settings
from concert_site.tests.redis_server import redis_of_our_own
from queueing.domain import admission, line
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_fans, make_line, numbers_of, stand_in_line
from queueing.tests.watching import inside, watched
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule

ADMIT_WAITING = Path(admission.__file__).with_name("admit_waiting.sql")
LOCK = ("    perform lock_waiting_room(p_schedule);\n", "")

pytestmark = pytest.mark.django_db(transaction=True)


def join(fan, schedule):
    return stand_in_line(user_id=fan.pk, schedule_id=schedule.pk)


def leave(token):
    return line.leave(user_id=token.user_id, token=token.token)


def admit_and_see_off(schedule, end):
    """Admit, see somebody off, and so on, until nobody waits; how many this one let in."""
    admitted = 0
    while time.monotonic() < end:
        admitted += admission.admit(schedule.pk).admitted
        leaving = list(inside(schedule)[:3])
        if not leaving:
            break
        leave(random.choice(leaving))
    return admitted


def admit_behind(schedule):
    """Admit while another transaction has admitted and not committed; how many each of the two let in."""
    with transaction.atomic():
        first = admission.admit(schedule.pk)
        later = start_behind(partial(admission.admit, schedule.pk))
    return first.admitted, later.result(timeout=60).admitted


def test_eight_admitters_let_in_each_number_once_in_order_and_never_above_the_cap():
    schedule = make_schedule(queue_max_active=5)
    make_line(schedule, 200)

    with watched(schedule) as sampled:
        admitted = at_once([partial(admit_and_see_off, schedule, time.monotonic() + 60)] * 8)

    assert sum(admitted) == 200
    by_time = WaitingToken.objects.order_by("updated_active_at", "number").values_list("number", flat=True)
    assert list(by_time) == list(range(1, 201))
    assert max(sampled) <= 5
    assert len(sampled) > 20
    assert broken_invariants() == {}


def test_who_waits_for_the_lock_counts_behind_it():
    schedule = make_schedule(queue_max_active=5)
    make_line(schedule, 20)

    assert admit_behind(schedule) == (5, 0)
    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3, 4, 5]


def test_control_without_the_lock_the_cap_breaks():
    schedule = make_schedule(queue_max_active=5)
    make_line(schedule, 20)

    with mutant(ADMIT_WAITING, LOCK):
        assert admit_behind(schedule) == (5, 5)

    assert inside(schedule).count() == 10
    assert set(broken_invariants()) == {8}


@pytest.mark.parametrize(("changes", "inside_then"), [({"queue_paused": True}, 0), ({"queue_max_active": 2}, 2)])
def test_pause_and_cap_are_read_behind_the_lock(changes, inside_then):
    schedule = make_schedule(queue_max_active=5)
    make_line(schedule, 20)

    with transaction.atomic():
        admission.lock_waiting_room(schedule.pk)
        ConcertSchedule.objects.update(**changes)
        later = start_behind(partial(admission.admit, schedule.pk))

    assert later.result(timeout=60).admitted == inside_then


def test_control_without_the_lock_the_change_comes_too_late():
    schedule = make_schedule(queue_max_active=5)
    make_line(schedule, 20)

    with mutant(ADMIT_WAITING, LOCK), transaction.atomic():
        admission.lock_waiting_room(schedule.pk)
        ConcertSchedule.objects.update(queue_paused=True)
        (meanwhile,) = at_once([partial(admission.admit, schedule.pk)])

    assert meanwhile.admitted == 5


def test_another_schedules_lock_is_not_waited_for():
    schedule, other = make_schedule(), make_schedule()
    make_line(other, 3)

    with transaction.atomic():
        admission.lock_waiting_room(schedule.pk)
        (meanwhile,) = at_once([partial(admission.admit, other.pk)])

    assert meanwhile.admitted == 3


def test_a_cap_lowered_in_full_swing_drains_and_nobody_comes_in_above_it():
    schedule = make_schedule(queue_max_active=6)
    make_line(schedule, 40)
    admission.admit(schedule.pk)
    with transaction.atomic():
        admission.lock_waiting_room(schedule.pk)
        with connection.cursor() as cursor:
            cursor.execute("update concert_schedule set queue_max_active = 2, limits_changed_at = clock_timestamp()")

    with watched(schedule) as sampled:
        at_once([partial(admit_and_see_off, schedule, time.monotonic() + 10)] * 4)

    drained = next(nth for nth, count in enumerate(sampled) if count <= 2)
    assert max(sampled) <= 6
    assert max(sampled[drained:]) <= 2
    assert broken_invariants() == {}


def test_joins_of_one_fan_at_once_make_one_token():
    schedule, fan = make_schedule(), make_fan()

    answers = at_once([partial(join, fan, schedule)] * 8)

    assert Counter(answer.is_new for answer in answers) == {True: 1, False: 7}
    assert len({answer.token for answer in answers}) == 1
    assert WaitingToken.objects.count() == 1


def test_a_join_that_waits_for_its_twin_answers_the_twins_token():
    schedule, fan = make_schedule(), make_fan()

    with transaction.atomic():
        first = join(fan, schedule)
        later = start_behind(partial(join, fan, schedule))

    assert later.result(timeout=60).token == first.token


def test_a_join_whose_twin_is_rolled_back_is_made():
    schedule, fan = make_schedule(), make_fan()

    with transaction.atomic():
        first = join(fan, schedule)
        later = start_behind(partial(join, fan, schedule))
        transaction.set_rollback(True)

    assert later.result(timeout=60).is_new
    assert WaitingToken.objects.get().token != first.token.token


def test_a_hundred_joins_at_once_get_a_hundred_numbers():
    schedule = make_schedule()
    fans = make_fans(96)

    def join_all(some):
        return [join(fan, schedule).token.number for fan in some]

    given = at_once([partial(join_all, fans[nth::16]) for nth in range(16)])

    assert all(numbers == sorted(numbers) for numbers in given)
    assert sorted(number for numbers in given for number in numbers) == list(range(1, 97))


def test_redis_emptied_between_joins_costs_nobody_their_place():
    schedule, fans = make_schedule(), make_fans(320)

    def join_all(some):
        for fan in some:
            join(fan, schedule)
            time.sleep(random.uniform(0, 0.02))

    def empty():
        for _ in range(12):
            redis.client.flushall()
            time.sleep(0.04)

    with redis_of_our_own() as redis:
        answers = at_once([empty, *(partial(join_all, fans[nth::16]) for nth in range(16))])

    assert answers == [None] * 17
    numbers = numbers_of(schedule, "WAITING")
    assert len(set(numbers)) == len(numbers) == 320
    assert overtaken_by_a_later_join(schedule, seconds=1) == 0
    admission.admit(schedule.pk)
    assert broken_invariants() == {}


def overtaken_by_a_later_join(schedule, *, seconds):
    """How many have a higher number than someone who joined so much later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from waiting_token a where a.concert_schedule_id = %(id)s and exists (select"
            " from waiting_token b where b.concert_schedule_id = %(id)s and b.number < a.number"
            " and b.created_at > a.created_at + make_interval(secs => %(seconds)s))",
            {"id": schedule.pk, "seconds": seconds},
        )
        (count,) = cursor.fetchone()
    return count


def test_who_is_admitted_while_leaving_goes_and_frees_the_slot():
    schedule = make_schedule()
    (token,) = make_line(schedule, 1)

    with transaction.atomic():
        admission.admit(schedule.pk)
        later = start_behind(partial(leave, token))
    left, has_freed_a_slot = later.result(timeout=60)

    assert (left.status, left.expired_reason, has_freed_a_slot) == ("EXPIRED", "LEFT", True)
    assert inside(schedule).count() == 0


def test_who_leaves_while_being_admitted_is_passed_over():
    schedule = make_schedule(queue_max_active=1)
    first, _ = make_line(schedule, 2)

    with transaction.atomic():
        leave(first)
        later = start_behind(partial(admission.admit, schedule.pk))

    assert later.result(timeout=60).serving == 2
    assert numbers_of(schedule, "ACTIVE") == [2]


def test_a_lapsed_token_that_is_locked_keeps_its_slot_till_the_next_tick():
    """Its fan is holding a seat this moment: admission neither waits for it nor counts it out."""
    schedule = make_schedule(queue_max_active=1)
    lapsed = make_active(schedule)
    WaitingToken.objects.update(expired_at=lapsed.created_at)
    make_line(schedule, 1)

    with transaction.atomic():
        WaitingToken.objects.select_for_update(no_key=True).get(pk=lapsed.pk)
        (meanwhile,) = at_once([partial(admission.admit, schedule.pk)])

    assert meanwhile == admission.Admission(admitted=0, serving=None, lapsed=0, active=1)
    assert admission.admit(schedule.pk) == admission.Admission(admitted=1, serving=2, lapsed=1, active=1)


def test_two_ends_of_one_line_end_everyone_once():
    schedule = make_schedule()
    make_line(schedule, 300)

    ended = at_once([partial(admission.end_line, schedule.pk, reason="SOLD_OUT")] * 2)

    assert sum(ended) == 300
    assert numbers_of(schedule, "EXPIRED") == list(range(1, 301))


def test_a_lock_that_is_held_too_long_is_given_up():
    schedule = make_schedule()

    def admit_in_a_hurry():
        with session_settings(lock_timeout="100ms"):
            return admission.admit(schedule.pk)

    with transaction.atomic():
        admission.lock_waiting_room(schedule.pk)
        (answer,) = at_once([admit_in_a_hurry])

    assert isinstance(answer, OperationalError)
    assert "lock timeout" in str(answer)
