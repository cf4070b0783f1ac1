"""Joining, entering, leaving, and looking at one's place."""

from datetime import timedelta
from uuid import uuid4

import pytest

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.errors import NotFound
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive
from queueing.models import WaitingToken
from queueing.queries import own_token
from queueing.tests.factories import ENTRY, NOW, STAY, make_active, make_line, stand_in_line
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def join(schedule, fan):
    return stand_in_line(user_id=fan.pk, schedule_id=schedule.pk, now=NOW)


def enter(token, *, at=NOW):
    return line.enter(user_id=token.user_id, token=token.token, now=at)


def leave(token, *, at=NOW):
    return line.leave(user_id=token.user_id, token=token.token, now=at)


def view_of(token, *, at=NOW):
    return own_token(token.token, user_id=token.user_id, now=at)


def row_of(token):
    return WaitingToken.objects.filter(pk=token.pk).values().get()


def test_joining_gives_the_next_number_and_always_waits():
    schedule = make_schedule()

    joined = [join(schedule, make_fan()) for _ in range(3)]

    assert [each.token.number for each in joined] == [1, 2, 3]
    assert {each.token.status for each in joined} == {"WAITING"}
    assert all(each.is_new and each.token.created_at == NOW for each in joined)


def test_each_schedule_counts_for_itself():
    fan, other = make_fan(), make_schedule()
    join(other, fan)

    assert join(make_schedule(), fan).token.number == 1
    assert join(other, make_fan()).token.number == 2


def test_what_a_join_answers_is_what_is_kept():
    schedule, fan = make_schedule(), make_fan()

    joined = join(schedule, fan)

    assert own_token(joined.token.token, user_id=fan.pk, now=NOW) == joined.token
    assert WaitingToken.objects.get(pk=joined.id).token == joined.token.token


def test_a_join_that_was_overtaken_by_its_twin_answers_the_twins_token():
    schedule, fan = make_schedule(), make_fan()
    first = join(schedule, fan)

    again = join(schedule, fan)

    assert (again.id, again.token, again.is_new) == (first.id, first.token, False)
    assert WaitingToken.objects.count() == 1


@pytest.mark.parametrize(("is_inside", "reason"), [(True, "TIME_OVER"), (False, "NO_SHOW")])
def test_joining_replaces_a_token_whose_time_is_over(is_inside, reason):
    schedule = make_schedule()
    lapsed = make_active(schedule, until=NOW, is_inside=is_inside)

    joined = join(schedule, lapsed.user)

    assert joined.is_new
    assert joined.token.token != lapsed.token
    assert joined.token.number == 2
    assert (view_of(lapsed).status, view_of(lapsed).expired_reason) == ("EXPIRED", reason)
    assert row_of(lapsed)["status"] == "EXPIRED"


def test_a_fan_who_left_the_line_joins_again_at_its_end():
    schedule = make_schedule()
    first, *_ = make_line(schedule, 3)
    leave(first)

    assert join(schedule, first.user).token.number == 4


def test_entering_gives_the_full_time_once():
    token = make_active(make_schedule(), is_inside=False)

    inside = enter(token, at=NOW + MINUTE)

    assert (inside.status, inside.entered_at) == ("ACTIVE", NOW + MINUTE)
    assert inside.expired_at == NOW + MINUTE + STAY


def test_entering_again_changes_nothing():
    token = make_active(make_schedule(), is_inside=False)
    first = enter(token)

    assert enter(token, at=NOW + MINUTE) == first


def test_who_waits_can_not_enter():
    (token,) = make_line(make_schedule(), 1)
    before = row_of(token)

    with pytest.raises(QueueTokenInactive):
        enter(token)

    assert row_of(token) == before


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_lapsed_token_can_not_enter(is_inside):
    token = make_active(make_schedule(), is_inside=is_inside, until=NOW)
    before = row_of(token)

    with pytest.raises(QueueTokenInactive):
        enter(token)

    assert row_of(token) == before


def test_a_fan_who_left_the_line_can_not_enter():
    token = make_active(make_schedule())
    leave(token)

    with pytest.raises(QueueTokenInactive):
        enter(token)


@pytest.mark.parametrize("step", [line.enter, line.leave, own_token])
def test_a_foreign_or_unknown_token_does_not_exist(step):
    token = make_active(make_schedule(), is_inside=False)
    before = row_of(token)

    for who in ({"user_id": make_fan().pk, "token": token.token}, {"user_id": token.user_id, "token": uuid4()}):
        with pytest.raises(NotFound):
            step(now=NOW, **who)

    assert row_of(token) == before


def test_leaving_the_line_frees_no_slot():
    (token,) = make_line(make_schedule(), 1)

    left, has_freed_a_slot = leave(token)

    assert (left.status, left.expired_reason, left.expired_at) == ("EXPIRED", "LEFT", NOW)
    assert not has_freed_a_slot


def test_leaving_from_inside_frees_the_slot():
    token = make_active(make_schedule())

    left, has_freed_a_slot = leave(token)

    assert (left.status, left.expired_reason, left.expired_at) == ("EXPIRED", "LEFT", NOW)
    assert left.entered_at == NOW
    assert has_freed_a_slot


def test_leaving_again_changes_nothing():
    token = make_active(make_schedule())
    first, _ = leave(token)

    assert leave(token, at=NOW + MINUTE) == (first, False)


def test_who_leaves_after_time_keeps_the_reason_that_was_read_before():
    token = make_active(make_schedule(), is_inside=False, until=NOW)
    before = view_of(token)

    assert leave(token, at=NOW + MINUTE) == (before, False)
    assert before.expired_reason == "NO_SHOW"


def test_reading_a_token_never_enters():
    token = make_active(make_schedule(), is_inside=False)
    before = row_of(token)

    seen = view_of(token, at=NOW + MINUTE)

    assert (seen.status, seen.entered_at, seen.expired_at) == ("ACTIVE", None, NOW + ENTRY)
    assert row_of(token) == before


@pytest.mark.parametrize(("is_inside", "reason"), [(True, "TIME_OVER"), (False, "NO_SHOW")])
def test_a_lapsed_token_reads_expired_before_it_is_tidied(is_inside, reason):
    token = make_active(make_schedule(), is_inside=is_inside)
    end = token.expired_at

    assert view_of(token, at=end - timedelta(microseconds=1)).status == "ACTIVE"
    over = view_of(token, at=end)

    assert (over.status, over.expired_reason, over.expired_at) == ("EXPIRED", reason, end)
    assert row_of(token)["status"] == "ACTIVE"
