"""One letter a seat: right, fresh and cheap."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.tests.away import redis_away
from reservations.models import ConcertSeat
from reservations.queries.availability import (
    ALONE_SECONDS,
    LIFETIME_MS,
    LIFETIME_SECONDS,
    SeatSnapshot,
    availability_key,
    availability_of,
    render,
)
from reservations.queries.seat_changes import changes_between, changes_since
from reservations.tests.factories import hold, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db


def codes(availability):
    return json.loads(availability.body)["seats"]


def clear_redis():
    client().flushdb()


def test_every_state_has_its_letter_in_the_order_of_ids():
    schedule = make_schedule()
    _free, held, lapsed, reserved, off_sale = make_seats(schedule, 5)
    hold(held)
    hold(lapsed, until=now() - timedelta(seconds=1))
    reserve(reserved)
    ConcertSeat.objects.filter(pk=off_sale.pk).move("AVAILABLE", "UNAVAILABLE")

    availability = availability_of(schedule.pk)

    body = json.loads(availability.body)
    assert body.pop("version") == availability.etag.strip('"')
    assert body == {"layout_version": 1, "seats": "ATARU", "seats_left": 2}
    assert availability.seats_left == 2
    assert not availability.is_sold_out


def test_seats_of_other_schedules_stay_out():
    schedule = make_schedule()
    make_seats(schedule, 2)
    make_seats(make_schedule(), 3)

    assert codes(availability_of(schedule.pk)) == "AA"


def test_a_second_read_makes_no_query(django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)

    with django_assert_num_queries(1):
        first = availability_of(schedule.pk)
    with django_assert_num_queries(0):
        assert availability_of(schedule.pk) is first


def test_another_process_finds_it_in_redis_and_begins_no_time_of_its_own(django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)
    first = availability_of(schedule.pk)
    answered = time.monotonic()

    time.sleep(0.1)
    clear_caches()
    with django_assert_num_queries(0):
        second = availability_of(schedule.pk)

    assert second.body == first.body
    assert second.good_until <= answered + LIFETIME_SECONDS


def test_what_redis_keeps_ends_so_long_after_the_question():
    schedule = make_schedule()
    asked = redis_ms()
    availability_of(schedule.pk)
    answered = redis_ms()

    ends = client().pttl(availability_key(schedule.pk)) + redis_ms()

    # Between the two clocks of the last line, and in rounding, lies a moment.
    assert asked + LIFETIME_MS - 2 <= ends <= answered + LIFETIME_MS + 50


def redis_ms():
    seconds, microseconds = client().time()
    return seconds * 1000 + microseconds // 1000


def test_without_redis_availability_is_one_query_a_second(django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)

    asked = time.monotonic()
    with redis_away(), django_assert_num_queries(1):
        first = availability_of(schedule.pk)
        assert asked + ALONE_SECONDS <= first.good_until <= time.monotonic() + ALONE_SECONDS
        time.sleep(LIFETIME_SECONDS)
        assert availability_of(schedule.pk) is first


def test_a_hold_turns_free_when_it_lapses_and_nobody_is_asked(django_assert_num_queries):
    schedule = make_schedule()
    _free, held, longer = make_seats(schedule, 3)
    hold(held, until=now() + timedelta(seconds=0.2))
    hold(longer)

    before = availability_of(schedule.pk)
    time.sleep(max(0.0, before.good_until - time.monotonic()))
    with django_assert_num_queries(0):
        after = availability_of(schedule.pk)

    assert (codes(before), before.seats_left) == ("ATT", 1)
    assert (codes(after), after.seats_left) == ("AAT", 2)
    assert after.etag != before.etag


def test_a_lapse_is_known_to_who_finds_the_answer_in_redis():
    schedule = make_schedule()
    (held,) = make_seats(schedule)
    hold(held, until=now() + timedelta(seconds=0.2))
    before = availability_of(schedule.pk)

    clear_caches()
    time.sleep(max(0.0, before.good_until - time.monotonic()))

    assert codes(before) == "T"
    assert codes(availability_of(schedule.pk)) == "A"


def test_several_lapsed_holds_turn_free_each_on_time():
    snapshot = SeatSnapshot(
        layout_version=1,
        seats="tAtTt",
        lapses=[300, 100, 200],
        is_sold_out=False,
        taken_at=10.0,
        read_at=90.0,
        next_lapse=99.0,
    )

    rendered = [render(snapshot, 10.0 + seconds) for seconds in (0.05, 0.1, 0.25, 0.3)]

    assert [codes(one) for one in rendered] == ["TATTT", "TAATT", "TAATA", "AAATA"]
    assert [round(one.good_until, 3) for one in rendered] == [10.1, 10.2, 10.3, 10.0 + LIFETIME_SECONDS]
    assert [(one.seats_held, one.next_lapse) for one in rendered] == [(4, 90.1), (3, 90.2), (2, 90.3), (1, 99.0)]


def test_it_knows_how_many_seats_are_in_checkouts_and_when_the_first_comes_back():
    schedule = make_schedule()
    _free, first, later, lapsed, sold = make_seats(schedule, 5)
    end = now() + timedelta(minutes=2)
    hold(first, until=end)
    hold(later, until=end + timedelta(minutes=1))
    hold(lapsed, until=now() - timedelta(seconds=1))
    reserve(sold)

    known = availability_of(schedule.pk)

    assert (known.seats_held, known.next_lapse) == (2, pytest.approx(end.timestamp(), abs=0.001))


def test_where_nothing_is_held_nothing_comes_back():
    schedule = make_schedule()
    make_seats(schedule, 2)

    known = availability_of(schedule.pk)

    assert (known.seats_held, known.next_lapse) == (0, None)


def test_a_change_of_seats_shows_after_the_cache_lifetime():
    schedule = make_schedule()
    (seat,) = make_seats(schedule)
    before = availability_of(schedule.pk)
    hold(seat)

    time.sleep(max(0.0, before.good_until - time.monotonic()) + 0.01)

    assert codes(availability_of(schedule.pk)) == "T"


def test_availability_version_depends_on_content_alone():
    schedule = make_schedule()
    (seat,) = make_seats(schedule)
    first = availability_of(schedule.pk)

    clear_caches()
    clear_redis()
    again = availability_of(schedule.pk)
    hold(seat)
    clear_caches()
    clear_redis()

    assert again.etag == first.etag
    assert availability_of(schedule.pk).etag != first.etag


# --- What changed since a version ----------------------------------------------------------------


def applied(seats, changes):
    """The seats as a page has them once it was told of the changes."""
    letters, at = list(seats), 0
    for skipped, run in re.findall(r"(\d+)(\D+)", changes):
        at += int(skipped)
        letters[at : at + len(run)] = run
        at += len(run)
    return "".join(letters)


def test_changes_are_the_runs_that_differ():
    before, after = "AAAAATTTTTAAAAAAAAAT", "TAAAAATTTTAAAAAAAARR"

    assert changes_between(before, after) == "0T4A12RR"
    assert changes_between(after, after) == ""
    assert applied(before, changes_between(before, after)) == after


def test_who_has_a_version_is_told_what_changed_without_a_query(django_assert_num_queries):
    schedule = make_schedule()
    seats = make_seats(schedule, 40)
    before = availability_of(schedule.pk)
    hold(seats[7])
    time.sleep(max(0.0, before.good_until - time.monotonic()) + 0.01)
    after = availability_of(schedule.pk)

    with django_assert_num_queries(0):
        told = json.loads(changes_since(schedule.pk, before.version).body)
        nothing = json.loads(changes_since(schedule.pk, after.version).body)

    assert told == {"version": after.version, "layout_version": 1, "changes": "7T", "seats_left": 39}
    assert (nothing["version"], nothing["changes"]) == (after.version, "")


def test_a_version_that_nobody_knows_is_answered_with_all_seats():
    schedule = make_schedule()
    make_seats(schedule, 3)

    assert changes_since(schedule.pk, "0" * 16).body == availability_of(schedule.pk).body


def test_changes_as_long_as_the_seats_are_the_seats():
    schedule = make_schedule()
    seats = make_seats(schedule, 3)
    before = availability_of(schedule.pk)
    for seat in seats[::2]:
        hold(seat)
    time.sleep(max(0.0, before.good_until - time.monotonic()) + 0.01)

    assert json.loads(changes_since(schedule.pk, before.version).body)["seats"] == "TAT"
