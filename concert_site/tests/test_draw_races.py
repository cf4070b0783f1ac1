"""The lobby and the draw at the same moment, on connections of their own; each guard with a control that lacks it.

The order is set by hand: our own transaction is open, the other begins, ours commits.
"""

import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import make_fan
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.line_proofs import draw_again, draw_of, rows
from concert_site.tests.mutants import mutant
from concert_site.tests.pooled import direct
from queueing.domain import admission, draw, line
from queueing.domain.draw import DrawOutcome
from queueing.models import ExpiredReason, WaitingToken
from queueing.tests.factories import NOW, make_fans, numbers_of, stand_in_lobby
from reservations.domain import waiting_room
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule

pytestmark = committed

SECOND = timedelta(seconds=1)
END_WHO_WAITS = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and wait_event_type = 'Lock'
"""
LOBBY = Path(line.__file__).with_name("lobby.sql")
DRAW_LINE = Path(draw.__file__).with_name("draw_line.sql")
SHARED_LOCK = ("    perform pg_advisory_xact_lock_shared(lobby_key(p_schedule));\n", "")
LOOK_BEHIND_THE_LOCK = ("    if is_drawn then\n        return;\n    end if;\n", "    is_drawn := false;\n")
LOOK_FIRST = ("        exit when found;\n        -- The time", "        -- The time")
BARRIER = ("    perform everyone_has_joined(p_schedule);\n", "")
LAST_LOCK = ("    perform pg_advisory_xact_lock(lobby_key(p_schedule));\n    late", "    late")
ONE_DRAW = ("elsif not pg_try_advisory_xact_lock(v_key) then", "elsif false then")
HALT = "    perform pg_advisory_xact_lock_shared(42);\n"
LOOK_AT_THE_ROWS = "    select coalesce(max(t.id), 0) + 1 into v_late from waiting_token t;\n"
HALT_BEHIND_THE_BARRIER = (BARRIER[0], BARRIER[0] + HALT)
LOOK_BEHIND_THE_BARRIER = (LOOK_AT_THE_ROWS + BARRIER[0], BARRIER[0] + HALT + LOOK_AT_THE_ROWS)
SAME_OPENING = (" and s.reservation_available_at = v_opening", "")


@pytest.fixture
def schedule():
    """A sale that opened at NOW, and is not drawn."""
    return make_schedule(reservation_available_at=NOW, queue_max_active=5)


def join(schedule, fan=None, *, at=NOW - SECOND):
    return stand_in_lobby(user_id=(fan or make_fan()).pk, schedule_id=schedule.pk, now=at)


def gather(schedule, count, *, at=NOW - SECOND):
    return [join(schedule, fan, at=at).token.token for fan in make_fans(count)]


def draw_behind(schedule):
    """Start a draw that waits for our transaction."""
    return start_behind(partial(draw.draw, schedule.pk, now=NOW + SECOND))


def leave(token):
    row = WaitingToken.objects.get(token=token)
    return line.leave(user_id=row.user_id, token=token)


def number_of(token):
    return WaitingToken.objects.get(token=token).number


def is_by_lot(schedule):
    """Whether the drawn have the numbers that the seed gives them."""
    drawn, again = draw_of(schedule.pk)
    return drawn == again


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_who_joins_before_the_opening_and_commits_during_the_draw_is_drawn(schedule):
    gather(schedule, 5)

    with transaction.atomic():
        join(schedule)
        drawing = draw_behind(schedule)

    assert drawing.result(timeout=60) == DrawOutcome(drawn=6, late=0)
    assert is_by_lot(schedule)
    assert broken_invariants() == {}


def test_control_without_the_barrier_such_a_fan_is_not_in_the_draw(schedule):
    gather(schedule, 5)

    with mutant(DRAW_LINE, BARRIER):
        with transaction.atomic():
            join(schedule)
            drawing = draw_behind(schedule)
        assert drawing.result(timeout=60) == DrawOutcome(drawn=5, late=1)


def test_who_joins_while_numbers_are_drawn_gets_one_behind_them(schedule):
    gather(schedule, 3)
    fan = make_fan()

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        later = start_behind(partial(waiting_room.join, user_id=fan.pk, schedule_id=schedule.pk))

    assert later.result(timeout=60).token.number == 4
    assert is_by_lot(schedule)
    assert broken_invariants() == {}


def test_control_who_does_not_look_behind_the_lock_is_left_without_a_number(schedule):
    with mutant(LOBBY, LOOK_BEHIND_THE_LOCK):
        with transaction.atomic():
            draw.draw(schedule.pk, now=NOW)
            later = start_behind(partial(join, schedule, make_fan(), at=NOW + SECOND))
        later.result(timeout=60)

    assert set(broken_invariants()) == {9}


def test_control_without_the_lock_of_those_who_join_one_is_left_without_a_number(schedule):
    with mutant(LOBBY, SHARED_LOCK), transaction.atomic():
        join(schedule)
        assert at_once([partial(draw.draw, schedule.pk, now=NOW)]) == [DrawOutcome(drawn=0, late=0)]

    assert set(broken_invariants()) == {9}


def test_who_joins_late_commits_before_the_line_is_drawn(schedule):
    gather(schedule, 2)

    with transaction.atomic():
        join(schedule, at=NOW + SECOND)
        drawing = draw_behind(schedule)

    assert drawing.result(timeout=60) == DrawOutcome(drawn=2, late=1)
    assert broken_invariants() == {}


def test_control_without_the_last_lock_a_late_comer_is_left_without_a_number(schedule):
    """The draw waits for the schedule's row, which we have; whoever joins meanwhile is seen by nobody."""
    fan = make_fan()

    with mutant(DRAW_LINE, LAST_LOCK):
        with transaction.atomic():
            ConcertSchedule.objects.filter(pk=schedule.pk).update(queue_message="Soon")
            drawing = draw_behind(schedule)
            (late,) = at_once([partial(join, schedule, fan, at=NOW + SECOND)])
        drawing.result(timeout=60)

    assert number_of(late.token.token) is None
    assert set(broken_invariants()) == {9}


def wait_until_all_have_to_have_joined():
    """Return once the draw waits for the lobby's lock, which who is joining shares."""
    deadline = time.monotonic() + 60
    while not rows("select from pg_locks where locktype = 'advisory' and not granted"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def join_slowly_while_another_is_quick(schedule):
    """Halt a draw behind its barrier; one begins to join, the next has joined, the draw goes on, the first commits.

    Returns the draw, and the token of the first.
    """
    quick = make_fan()
    # Past a pooler, where such a lock would be the session's and so that of whoever comes to it next.
    where = direct() | {"dbname": connection.settings_dict["NAME"]}
    with psycopg.connect(**where, autocommit=True) as gate, transaction.atomic():
        gate.execute("select pg_advisory_lock(42)")
        drawing = draw_behind(schedule)
        slow = join(schedule, at=NOW + SECOND)
        at_once([partial(join, schedule, quick, at=NOW + SECOND)])
        gate.execute("select pg_advisory_unlock(42)")
        wait_until_all_have_to_have_joined()
    return drawing, slow.token.token


def test_who_joins_slowly_is_numbered_though_the_next_was_quicker(schedule):
    gather(schedule, 3)

    with mutant(DRAW_LINE, HALT_BEHIND_THE_BARRIER):
        drawing, _ = join_slowly_while_another_is_quick(schedule)
        assert drawing.result(timeout=60) == DrawOutcome(drawn=3, late=2)

    assert broken_invariants() == {}


def test_control_who_looks_for_the_first_row_behind_the_barrier_leaves_the_slow_one_out(schedule):
    gather(schedule, 3)

    with mutant(DRAW_LINE, LOOK_BEHIND_THE_BARRIER):
        drawing, slow = join_slowly_while_another_is_quick(schedule)
        assert drawing.result(timeout=60) == DrawOutcome(drawn=3, late=1)

    assert number_of(slow) is None
    assert set(broken_invariants()) == {9}


def test_joining_goes_on_while_the_lots_are_written(schedule):
    tokens, fan = gather(schedule, 5), make_fan()

    with transaction.atomic():
        leave(tokens[0])
        drawing = draw_behind(schedule)
        (late,) = at_once([partial(join, schedule, fan, at=NOW + SECOND)])

    assert drawing.result(timeout=60) == DrawOutcome(drawn=5, late=1)
    assert number_of(late.token.token) == 6
    assert is_by_lot(schedule)


def test_who_joins_again_while_the_lots_are_written_is_answered_at_once(schedule):
    """The draw has written the fan's row, and waits for all who are joining: who waited for that row would block it."""
    fan = make_fan()
    first = join(schedule, fan)
    tokens = gather(schedule, 5)

    with transaction.atomic():
        leave(tokens[-1])
        drawing = draw_behind(schedule)
        (again,) = at_once([partial(join, schedule, fan)])

    assert (again.token.token, again.is_new) == (first.token.token, False)
    assert drawing.result(timeout=60) == DrawOutcome(drawn=6, late=0)


def test_control_who_inserts_before_looking_waits_for_the_draw(schedule):
    fan = make_fan()
    join(schedule, fan)
    tokens = gather(schedule, 5)

    with mutant(LOBBY, LOOK_FIRST):
        with transaction.atomic():
            leave(tokens[-1])
            drawing = draw_behind(schedule)
            (again,) = at_once([partial(join, schedule, fan)])
        assert drawing.result(timeout=60) == DrawOutcome(drawn=6, late=0)

    assert isinstance(again, OperationalError)
    assert "lock timeout" in str(again)


def test_of_two_draws_at_once_the_second_leaves_it_at_that(schedule):
    gather(schedule, 5)

    with transaction.atomic():
        first = draw.draw(schedule.pk, now=NOW)
        (second,) = at_once([partial(draw.draw, schedule.pk, now=NOW)])

    assert (first, second) == (DrawOutcome(drawn=5, late=0), None)
    assert is_by_lot(schedule)


def test_control_without_the_lock_of_draws_the_database_refuses_the_second(schedule):
    gather(schedule, 5)

    with mutant(DRAW_LINE, ONE_DRAW):
        with transaction.atomic():
            draw.draw(schedule.pk, now=NOW)
            second = draw_behind(schedule)
        with pytest.raises(DatabaseError, match="can not be changed"):
            second.result(timeout=60)

    assert is_by_lot(schedule)


def test_who_waits_for_a_draw_finds_it_made(schedule):
    gather(schedule, 5)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        second = start_behind(partial(draw.draw, schedule.pk, waits=True, now=NOW))

    assert second.result(timeout=60) is None
    assert is_by_lot(schedule)


def test_who_waits_for_a_draw_that_is_undone_makes_it(schedule):
    gather(schedule, 5)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        second = start_behind(partial(draw.draw, schedule.pk, waits=True, now=NOW))
        transaction.set_rollback(True)

    assert second.result(timeout=60) == DrawOutcome(drawn=5, late=0)
    assert is_by_lot(schedule)


def test_eight_draws_at_once_are_one(schedule):
    gather(schedule, 40)

    answers = at_once([partial(draw.draw, schedule.pk, now=NOW)] * 8)

    assert sorted(answers, key=str) == [DrawOutcome(drawn=40, late=0), *[None] * 7]
    assert is_by_lot(schedule)
    assert broken_invariants() == {}


def test_who_leaves_as_the_lots_are_written_keeps_the_number_in_the_list(schedule):
    tokens = gather(schedule, 5)

    with transaction.atomic():
        leave(tokens[0])
        drawing = draw_behind(schedule)

    assert drawing.result(timeout=60) == DrawOutcome(drawn=5, late=0)
    assert WaitingToken.objects.get(token=tokens[0]).expired_reason == "LEFT"
    assert is_by_lot(schedule)
    admission.admit(schedule.pk)
    assert len(numbers_of(schedule, "ACTIVE")) == 4


def test_who_leaves_behind_the_draw_goes_with_a_number(schedule):
    tokens = gather(schedule, 5)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        leaving = start_behind(partial(leave, tokens[0]))
    view, has_freed_a_slot = leaving.result(timeout=60)

    assert (view.status, view.number, has_freed_a_slot) == ("EXPIRED", number_of(tokens[0]), False)
    assert is_by_lot(schedule)


def test_who_left_and_came_back_before_the_draw_has_one_lot(schedule):
    fan = make_fan()
    first = join(schedule, fan).token.token
    line.leave(user_id=fan.pk, token=first)
    gather(schedule, 4)

    with transaction.atomic():
        again = join(schedule, fan)
        drawing = draw_behind(schedule)

    assert drawing.result(timeout=60) == DrawOutcome(drawn=5, late=0)
    assert (number_of(first), number_of(again.token.token) is None) == (None, False)


def test_an_opening_that_is_moved_during_the_draw_undoes_it(schedule):
    gather(schedule, 3)
    gather(schedule, 3, at=NOW + SECOND)

    with transaction.atomic():
        ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=NOW + 60 * SECOND)
        drawing = draw_behind(schedule)
    with pytest.raises(OperationalError, match="was moved"):
        drawing.result(timeout=60)

    assert not WaitingToken.objects.filter(number__isnull=False).exists()
    assert draw.draw(schedule.pk, now=NOW + 30 * SECOND) is None
    assert draw.draw(schedule.pk, now=NOW + 60 * SECOND) == DrawOutcome(drawn=6, late=0)
    assert is_by_lot(schedule)


def test_control_who_does_not_look_at_the_opening_again_draws_for_another(schedule):
    gather(schedule, 3)
    gather(schedule, 3, at=NOW + SECOND)

    with mutant(DRAW_LINE, SAME_OPENING):
        with transaction.atomic():
            ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=NOW + 60 * SECOND)
            drawing = draw_behind(schedule)
        # Three by time are, by the opening in force, entries of the draw.
        assert drawing.result(timeout=60) == DrawOutcome(drawn=3, late=3)


def test_an_opening_cannot_be_moved_once_its_numbers_are_drawn(schedule):
    gather(schedule, 1)

    def move():
        ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=NOW + 60 * SECOND)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        moving = start_behind(move)
    with pytest.raises(DatabaseError, match="can not be changed"):
        moving.result(timeout=60)


def test_a_draw_that_is_killed_leaves_nothing_and_the_next_comes_to_the_same_numbers(schedule):
    tokens = gather(schedule, 30)
    late = gather(schedule, 1, at=NOW + SECOND)
    seed = bytes(ConcertSchedule.objects.get().draw_seed)

    with transaction.atomic():
        # The last thing that a draw writes is the schedule's row.
        ConcertSchedule.objects.filter(pk=schedule.pk).update(queue_message="Soon")
        drawing = draw_behind(schedule)
        run(END_WHO_WAITS)
        with pytest.raises(OperationalError):
            drawing.result(timeout=60)

    assert not WaitingToken.objects.filter(number__isnull=False).exists()
    assert draw.draw(schedule.pk, now=NOW + SECOND) == DrawOutcome(drawn=30, late=1)
    by_number = WaitingToken.objects.order_by("number").values_list("token", flat=True)
    assert list(by_number) == draw_again(seed, tokens) + late


def test_nobody_is_let_in_before_the_draw_is_over_and_then_by_number(schedule):
    gather(schedule, 8)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        (meanwhile,) = at_once([partial(admission.admit, schedule.pk)])

    assert meanwhile.admitted == 0
    assert admission.admit(schedule.pk).admitted == 5
    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3, 4, 5]


def test_a_sale_that_is_closed_during_its_draw_keeps_no_other_line_waiting(schedule):
    gather(schedule, 5)
    end = partial(admission.end_line, schedule.pk, reason=ExpiredReason.SALE_CLOSED)

    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        assert at_once([end]) == [0]

    assert end() == 5
    assert numbers_of(schedule, "WAITING") == []


def test_who_joins_the_lobby_at_once_with_a_twin_answers_the_twins_token(schedule):
    fan = make_fan()

    with transaction.atomic():
        first = join(schedule, fan)
        later = start_behind(partial(join, schedule, fan))

    assert later.result(timeout=60).token == first.token
    assert WaitingToken.objects.count() == 1


def test_who_joins_the_lobby_at_once_with_a_twin_that_is_rolled_back_is_let_in(schedule):
    fan = make_fan()

    with transaction.atomic():
        first = join(schedule, fan)
        later = start_behind(partial(join, schedule, fan))
        transaction.set_rollback(True)

    assert later.result(timeout=60).is_new
    assert WaitingToken.objects.get().token != first.token.token


def test_sixteen_who_meet_an_empty_lobby_at_the_opening_all_get_a_number(schedule):
    fans = make_fans(16)

    answers = at_once([partial(waiting_room.join, user_id=fan.pk, schedule_id=schedule.pk) for fan in fans])
    waiting_room.draw_line(schedule.pk)

    assert [answer.is_new for answer in answers] == [True] * 16
    assert sorted(WaitingToken.objects.values_list("number", flat=True)) == list(range(1, 17))
    assert broken_invariants() == {}


def test_another_schedules_draw_is_not_waited_for(schedule):
    other = make_schedule(reservation_available_at=NOW)
    gather(schedule, 3)

    with transaction.atomic():
        join(other)
        (meanwhile,) = at_once([partial(draw.draw, schedule.pk, now=NOW)])

    assert meanwhile == DrawOutcome(drawn=3, late=0)
    assert numbers_of(other, "WAITING") == [None]
