"""The lobby and the draw: who is in it, in which order, and what can be recomputed of it."""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connection, transaction

from concert_site.lib.database.statements import sql_beside
from concert_site.lib.errors import Invalid
from concert_site.lib.redis import client
from concert_site.tests.audited import broken_invariants
from concert_site.tests.line_proofs import draw_again
from queueing.domain import draw, line
from queueing.facts import DrawRecord
from queueing.models import WaitingToken
from queueing.tests.factories import NOW, make_fans, make_line, stand_in_line, stand_in_lobby
from queueing.verification import entry_of, verify
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_fan, make_schedule

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def schedule():
    """A sale that opens now."""
    return make_schedule(reservation_available_at=NOW)


def join(schedule, fan=None, *, at=NOW - SECOND):
    return stand_in_lobby(user_id=(fan or make_fan()).pk, schedule_id=schedule.pk, now=at)


def gather(schedule, count, *, at=NOW - SECOND):
    return [join(schedule, fan, at=at).token.token for fan in make_fans(count)]


def numbers(schedule):
    return dict(
        WaitingToken.objects.filter(concert_schedule=schedule, number__isnull=False).values_list("number", "token")
    )


def seed_of(schedule):
    return bytes(ConcertSchedule.objects.get(pk=schedule.pk).draw_seed).hex()


def listed(schedule):
    lines = b"".join(draw.entries(schedule.pk, opens_at=NOW))
    return [f"seed,{seed_of(schedule)}\n".encode(), *lines.splitlines(keepends=True)]


def test_in_the_lobby_a_fan_waits_without_a_number_and_redis_is_not_asked(schedule):
    joined = join(schedule)

    assert (joined.is_new, joined.token.status, joined.token.number) == (True, "WAITING", None)
    # What tells that no token was ended is nobody's place.
    assert [key for key in client().scan_iter() if b"revocations" not in key] == []


def test_joining_the_lobby_again_is_the_same_place(schedule):
    fan = make_fan()
    first = join(schedule, fan)

    again = join(schedule, fan, at=NOW)

    assert (again.id, again.token, again.is_new) == (first.id, first.token, False)


def test_the_draw_numbers_everybody_by_the_seed_and_nothing_else(schedule):
    tokens = gather(schedule, 30)

    assert draw.draw(schedule.pk, now=NOW) == draw.DrawOutcome(drawn=30, late=0)

    drawn = numbers(schedule)
    assert sorted(drawn) == list(range(1, 31))
    assert [drawn[number] for number in sorted(drawn)] == draw_again(bytes.fromhex(seed_of(schedule)), tokens)
    assert broken_invariants() == {}


def test_who_comes_after_the_opening_follows_by_time(schedule):
    late = [join(schedule, at=NOW + after * SECOND).token.token for after in (3, 0, 2)]
    tokens = gather(schedule, 5)

    assert draw.draw(schedule.pk, now=NOW + 4 * SECOND) == draw.DrawOutcome(drawn=5, late=3)

    drawn = numbers(schedule)
    assert [drawn[number] for number in range(1, 6)] == draw_again(bytes.fromhex(seed_of(schedule)), tokens)
    assert [drawn[number] for number in (6, 7, 8)] == [late[1], late[2], late[0]]


def test_who_has_left_the_lobby_is_not_in_the_draw(schedule):
    leaver = make_fan()
    line.leave(user_id=leaver.pk, token=join(schedule, leaver).token.token)
    stays = gather(schedule, 1)

    draw.draw(schedule.pk, now=NOW)

    assert numbers(schedule) == {1: stays[0]}


def test_a_draw_waits_for_the_opening(schedule):
    gather(schedule, 2)

    assert draw.draw(schedule.pk, now=NOW - SECOND) is None
    assert numbers(schedule) == {}


def test_a_draw_is_made_once(schedule):
    gather(schedule, 3)
    draw.draw(schedule.pk, now=NOW)
    before = numbers(schedule)

    assert draw.draw(schedule.pk, now=NOW + SECOND) is None
    assert numbers(schedule) == before
    assert ConcertSchedule.objects.get().drawn_at == NOW


def test_what_does_not_exist_is_not_drawn():
    assert draw.draw(0) is None


def test_without_anybody_in_the_lobby_the_draw_opens_the_line(schedule):
    assert draw.draw(schedule.pk, now=NOW) == draw.DrawOutcome(drawn=0, late=0)
    assert ConcertSchedule.objects.get().drawn_at == NOW


def test_after_the_draw_nobody_joins_the_lobby(schedule):
    draw.draw(schedule.pk, now=NOW)

    assert join(schedule) is None
    assert not WaitingToken.objects.exists()


def test_after_the_draw_redis_goes_on_behind_the_last_number(schedule):
    gather(schedule, 3)
    join(schedule, at=NOW)
    draw.draw(schedule.pk, now=NOW)

    assert stand_in_line(user_id=make_fan().pk, schedule_id=schedule.pk).token.number == 5


def test_schedules_do_not_touch_each_other(schedule):
    other = make_schedule(reservation_available_at=NOW)
    gather(schedule, 3)
    gather(other, 3)

    draw.draw(schedule.pk, now=NOW)

    assert sorted(numbers(schedule)) == [1, 2, 3]
    assert numbers(other) == {}
    assert ConcertSchedule.objects.get(pk=other.pk).drawn_at is None


def test_numbers_of_a_line_from_before_are_not_given_again(schedule):
    """Where a line had begun and its opening was moved."""
    make_line(schedule, 2)
    token = gather(schedule, 1)[0]

    draw.draw(schedule.pk, now=NOW)

    assert numbers(schedule)[3] == token


@pytest.mark.parametrize("batch", [1, 4, 5, 10_000])
def test_the_list_is_whole_whatever_its_pieces(schedule, monkeypatch, batch):
    monkeypatch.setattr(draw, "BATCH", batch)
    gather(schedule, 4)
    join(schedule, at=NOW)
    draw.draw(schedule.pk, now=NOW)
    drawn = numbers(schedule)

    lines = b"".join(draw.entries(schedule.pk, opens_at=NOW)).decode()

    assert lines == "".join(f"{number},{entry_of(drawn[number])}\n" for number in range(1, 5))


def test_the_record_is_that_of_the_list(schedule):
    gather(schedule, 4)
    draw.draw(schedule.pk, now=NOW)
    lines = b"".join(draw.entries(schedule.pk, opens_at=NOW))
    expected = DrawRecord(size=4, entries_hash=sha256(lines).hexdigest())

    assert draw.known_record(schedule.pk) is None
    assert draw.record_of(schedule.pk, opens_at=NOW) == expected
    assert draw.known_record(schedule.pk) == expected


def test_the_record_is_made_anew_where_redis_has_lost_it(schedule):
    gather(schedule, 2)
    draw.draw(schedule.pk, now=NOW)
    record = draw.record_of(schedule.pk, opens_at=NOW)
    client().flushdb()

    assert draw.record_of(schedule.pk, opens_at=NOW) == record


def test_a_draw_that_is_made_once_more_has_a_record_of_its_own(schedule):
    """After the database was put back to the lobby, of which Redis knows nothing."""
    stays, *_ = gather(schedule, 3)
    with transaction.atomic():
        draw.draw(schedule.pk, now=NOW)
        draw.record_of(schedule.pk, opens_at=NOW)
        transaction.set_rollback(True)
    WaitingToken.objects.exclude(token=stays).delete()

    draw.draw(schedule.pk, now=NOW)

    assert draw.record_of(schedule.pk, opens_at=NOW).size == 1


def test_nobody_in_the_lobby_is_an_empty_list(schedule):
    draw.draw(schedule.pk, now=NOW)

    record = draw.record_of(schedule.pk, opens_at=NOW)

    assert record == DrawRecord(0, sha256(b"").hexdigest())


def test_a_draw_is_verified_from_its_list(schedule):
    tokens = gather(schedule, 6)
    draw.draw(schedule.pk, now=NOW)
    record = draw.record_of(schedule.pk, opens_at=NOW)

    found = verify(listed(schedule), entry=entry_of(tokens[3]))

    assert (found.size, found.entries_hash) == (record.size, record.entries_hash)
    assert found.seed == seed_of(schedule)
    assert numbers(schedule)[found.number] == tokens[3]


def swapped(lines):
    """Two fans in each other's place."""
    first, second = (line.split(b",")[1] for line in lines[2:4])
    return [*lines[:2], b"2," + second, b"3," + first, *lines[4:]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swapped, "out of order"),
        (lambda lines: lines[:3] + lines[4:], "in place of 3"),
        (lambda lines: lines[:3] + lines[2:], "in place of 3"),
        (lambda lines: [*lines[:3], lines[3].replace(b",", b";"), *lines[4:]], "Line 4"),
        (lambda lines: lines[1:], "Line 1"),
        (lambda lines: [], "Line 1"),
        (lambda lines: [b"seed," + b"0" * 64 + b"\n", *lines[1:]], "out of order"),
        (lambda lines: [b"<!doctype html>\n"], "Line 1"),
    ],
)
def test_a_list_that_was_tampered_with_is_refused(schedule, change, words):
    gather(schedule, 12)
    draw.draw(schedule.pk, now=NOW)

    with pytest.raises(Invalid, match=words):
        verify(change(listed(schedule)))


def test_an_entry_that_is_not_in_the_list_has_no_number(schedule):
    draw.draw(schedule.pk, now=NOW)

    assert verify(listed(schedule), entry="0" * 64).number is None


def test_the_lot_of_a_hundred_takes_one_round_trip(schedule, django_assert_num_queries):
    gather(schedule, 100)

    with django_assert_num_queries(1):
        draw.draw(schedule.pk, now=NOW)


def test_the_list_is_read_by_an_index(schedule):
    gather(schedule, 3)
    draw.draw(schedule.pk, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        sql = sql_beside(draw.__file__, "draw_entries.sql")
        cursor.execute(f"explain {sql}", {"schedule": schedule.pk, "opens_at": NOW, "first": 1, "last": 9})
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "token_number_once" in plan
