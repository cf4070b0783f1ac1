"""Holds at the same moment, on connections of their own; each guard with a control that lacks it.

Where the order matters it is set by hand: our own transaction is open, the other begins, ours commits.
"""

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.lib.idempotency import IdempotencyKeyReused
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant, run
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.errors import HoldExpired, SeatUnavailable, TicketLimitExceeded
from reservations.domain.holds import Booking
from reservations.models import Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import (
    HOLD,
    LAPSED,
    NOW,
    held_by,
    hold,
    hold_with,
    in_order,
    let_in,
    make_sale,
    statuses,
)

HOLD_SEATS = Path(holds.__file__).with_name("hold_seats.sql")
ENTER_LINE = Path(line.__file__).with_name("enter_line.sql")
SECOND = timedelta(seconds=1)

pytestmark = committed


def kinds(answers):
    """How many won, and how many lost to what."""
    return Counter(type(answer).__name__ for answer in answers)


def meanwhile(step):
    """Run a step on a connection of its own, which must not wait for ours."""
    (answer,) = at_once([step])
    return answer


def letting_in(fans, sale):
    """A step for each fan that holds the seats named, with a token from before."""
    return [partial(hold_with, let_in(fan, sale), fan, sale) for fan in fans]


# --- One seat, many fans -----------------------------------------------------------------------


def test_of_a_hundred_fans_on_one_seat_one_wins():
    sale = make_sale(seats=1)
    steps = letting_in([make_fan() for _ in range(100)], sale)

    answers = at_once([partial(step, 0) for step in steps])

    assert kinds(answers) == {"Booking": 1, "SeatUnavailable": 99}
    assert Reservation.objects.count() == 1
    assert broken_invariants() == {}


def test_who_loses_a_seat_hears_at_once_while_the_winner_is_still_at_work():
    sale, winner, loser = make_sale(seats=3), make_fan(), make_fan()
    (step,) = letting_in([loser], sale)

    with transaction.atomic():
        hold(winner, sale, 1)
        answer = meanwhile(partial(step, 0, 1, 2))

    assert isinstance(answer, SeatUnavailable)
    assert answer.items == [1]
    assert statuses(sale) == "ATA"


def test_control_without_skip_locked_the_loser_waits():
    sale, winner, loser = make_sale(seats=1), make_fan(), make_fan()
    (step,) = letting_in([loser], sale)

    with mutant(HOLD_SEATS, ("for no key update skip locked) q", "for no key update) q")):
        with transaction.atomic():
            hold(winner, sale, 0)
            later = start_behind(partial(step, 0))
        assert isinstance(later.exception(timeout=60), SeatUnavailable)


def test_control_without_the_seats_lock_only_the_unique_index_stops_the_second():
    sale, winner, loser = make_sale(seats=1), make_fan(), make_fan()
    (step,) = letting_in([loser], sale)

    with mutant(HOLD_SEATS, ("for no key update skip locked) q", ") q")):
        with transaction.atomic():
            hold(winner, sale, 0)
            later = start_behind(partial(failures_of, partial(step, 0)))
        assert later.result(timeout=60) == ["reservation_one_live"]


def failures_of(step):
    """The constraints that refused a step's statements, also the ones that it recovered from."""
    found = []

    def listen(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except IntegrityError as error:
            found.append(error.__cause__.diag.constraint_name)
            raise

    with connection.execute_wrapper(listen), suppress(SeatUnavailable):
        step()
    return found


# --- One fan, many connections -----------------------------------------------------------------


def test_one_fan_on_eight_connections_gets_exactly_the_limit():
    for _ in range(8):
        sale, fan = make_sale(seats=8, tickets_per_fan=4), make_fan()
        token = let_in(fan, sale)

        answers = at_once([partial(hold_with, token, fan, sale, nth) for nth in range(8)])

        assert kinds(answers) == {"Booking": 4, "TicketLimitExceeded": 4}
        assert len(held_by(fan, sale)) == 4
    assert broken_invariants() == {}


def test_a_second_request_counts_what_the_first_one_took():
    sale, fan = make_sale(seats=8), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0, 1, 2, 3)
        later = start_behind(partial(hold_with, token, fan, sale, 4))

    assert isinstance(later.exception(timeout=60), TicketLimitExceeded)
    assert held_by(fan, sale) == [0, 1, 2, 3]


def test_a_second_request_of_a_token_in_its_first_use_counts_as_well():
    sale, fan = make_sale(seats=8), make_fan()
    token = let_in(fan, sale, entered=False)

    with transaction.atomic():
        hold_with(token, fan, sale, 0, 1, 2, 3)
        later = start_behind(partial(hold_with, token, fan, sale, 4))

    assert isinstance(later.exception(timeout=60), TicketLimitExceeded)


def test_control_without_the_tokens_lock_a_fan_passes_the_limit():
    sale, fan = make_sale(seats=8), make_fan()
    token = let_in(fan, sale)

    with mutant(ENTER_LINE, ("\n        for no key update;\n", ";\n")), transaction.atomic():
        hold_with(token, fan, sale, 0, 1, 2, 3)
        assert meanwhile(partial(hold_with, token, fan, sale, 4, 5, 6, 7)).is_new

    assert held_by(fan, sale) == list(range(8))
    assert list(broken_invariants()) == [7]


def test_control_counting_ahead_of_the_lock_a_fan_passes_the_limit():
    sale, fan = make_sale(seats=8), make_fan()
    token = let_in(fan, sale)
    room = "makes_room_within_limit(p_fan, p_schedule, p_seats, v_at)"
    ahead = [
        ("    v_verdict record;\n", f"    v_verdict record;\n    v_has_room boolean := {room};\n"),
        (f"not {room}", "not v_has_room"),
    ]

    with mutant(HOLD_SEATS, *ahead):
        with transaction.atomic():
            hold_with(token, fan, sale, 0, 1, 2, 3)
            later = start_behind(partial(hold_with, token, fan, sale, 4))
        assert later.result(timeout=60).is_new

    assert list(broken_invariants()) == [7]


def test_a_token_that_ends_while_a_hold_waits_for_it_holds_nothing():
    sale, fan = make_sale(), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        WaitingToken.objects.move("ACTIVE", "EXPIRED", expired_reason="LEFT")
        later = start_behind(partial(hold_with, token, fan, sale, 0))

    assert isinstance(later.exception(timeout=60), QueueTokenInactive)
    assert statuses(sale) == "AAAAAA"


# --- The same request twice --------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "a"])
def test_of_eight_clicks_at_once_one_books_and_all_answer_that_booking(key):
    for _ in range(8):
        sale, fan = make_sale(seats=4, tickets_per_fan=2), make_fan()
        token = let_in(fan, sale)

        answers = at_once([partial(hold_with, token, fan, sale, 0, 1, key=key)] * 8)

        assert kinds(answers) == {"Booking": 8}
        assert Counter(answer.is_new for answer in answers) == {True: 1, False: 7}
        assert len({(answer.reference, *in_order(answer)) for answer in answers}) == 1
        assert held_by(fan, sale) == [0, 1]
    assert broken_invariants() == {}


@pytest.mark.parametrize("key", [None, "a"])
def test_a_click_that_waits_for_its_twin_answers_the_twins_booking(key):
    sale, fan = make_sale(), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        first = hold_with(token, fan, sale, 0, 1, key=key)
        later = start_behind(partial(hold_with, token, fan, sale, 0, 1, key=key))

    again = later.result(timeout=60)
    assert (again.is_new, again.reference, in_order(again)) == (False, first.reference, in_order(first))


def click_while_the_twin_commits_after_the_first_look(key):
    """The second click has asked for a repeat and found none, when the first one's booking appears."""
    sale, fan = make_sale(), make_fan()
    token = let_in(fan, sale)
    with transaction.atomic():
        hold_with(token, fan, sale, 0, key=key)
        # The first look asks reservation and seat; the next statement reads concert, and waits here.
        run("lock table concert in access exclusive mode")
        return start_behind(partial(hold_with, token, fan, sale, 0, key=key))


@pytest.mark.parametrize("key", [None, "a"])
def test_a_click_whose_twin_commits_between_two_statements_answers_the_twins_booking(key):
    assert not click_while_the_twin_commits_after_the_first_look(key).result(timeout=60).is_new


@pytest.mark.parametrize("key", [None, "a"])
def test_control_without_the_second_look_a_fan_hears_that_their_own_seat_is_taken(key):
    with mutant(HOLD_SEATS, ("(v_is_behind or v_has_some)", "v_is_behind")):
        later = click_while_the_twin_commits_after_the_first_look(key)
        assert isinstance(later.exception(timeout=60), SeatUnavailable)


def test_one_key_with_eight_different_seats_at_once_books_one():
    for _ in range(5):
        sale, fan = make_sale(seats=8), make_fan()
        token = let_in(fan, sale)

        answers = at_once([partial(hold_with, token, fan, sale, nth, key="a") for nth in range(8)])

        assert kinds(answers) == {"Booking": 1, "IdempotencyKeyReused": 7}
        assert len(held_by(fan, sale)) == 1
    assert broken_invariants() == {}


@pytest.mark.parametrize("limit", [1, 4])
def test_a_key_that_waits_for_its_other_request_hears_that_it_was_used(limit):
    sale, fan = make_sale(tickets_per_fan=limit), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0, key="a")
        later = start_behind(partial(hold_with, token, fan, sale, 1, key="a"))

    assert isinstance(later.exception(timeout=60), IdempotencyKeyReused)
    assert held_by(fan, sale) == [0]


def test_a_key_used_in_two_schedules_at_once_books_in_one():
    """Two tokens, so no common mutex: the unique index is what parts them."""
    sale, other, fan = make_sale(), make_sale(), make_fan()
    there = let_in(fan, other)

    with transaction.atomic():
        hold(fan, sale, 0, key="a")
        later = start_behind(partial(hold_with, there, fan, other, 0, key="a"))

    assert isinstance(later.exception(timeout=60), IdempotencyKeyReused)
    assert (held_by(fan, sale), held_by(fan, other)) == ([0], [])
    assert statuses(other) == "AAAAAA"


def test_a_key_whose_other_request_is_rolled_back_books():
    sale, other, fan = make_sale(), make_sale(), make_fan()
    there = let_in(fan, other)

    with transaction.atomic():
        hold(fan, sale, 0, key="a")
        later = start_behind(partial(hold_with, there, fan, other, 0, key="a"))
        transaction.set_rollback(True)

    assert later.result(timeout=60).is_new
    assert (held_by(fan, sale), held_by(fan, other)) == ([], [0])


# --- The end of a hold -------------------------------------------------------------------------


def test_two_fans_take_over_one_lapsed_seat_while_beat_releases_it():
    for _ in range(12):
        sale, fans = make_sale(seats=1), [make_fan() for _ in range(2)]
        hold(make_fan(), sale, 0)
        steps = [partial(step, 0, now=LAPSED) for step in letting_in(fans, sale)]

        answers = at_once([*steps, partial(holds.release_lapsed, now=LAPSED)])

        assert kinds(answers[:2]) in ({"Booking": 1, "SeatUnavailable": 1}, {"SeatUnavailable": 2})
        assert answers[2] in (0, 1)
        assert statuses(sale) == ("T" if Booking in map(type, answers) else "A")
    assert broken_invariants() == {}


def test_a_seat_that_is_being_taken_over_is_left_alone_by_beat_and_by_others():
    sale, fan, other = make_sale(seats=1), make_fan(), make_fan()
    hold(make_fan(), sale, 0)
    (step,) = letting_in([other], sale)

    with transaction.atomic():
        hold(fan, sale, 0, now=LAPSED)
        assert meanwhile(partial(holds.release_lapsed, now=LAPSED)) == 0
        assert isinstance(meanwhile(partial(step, 0, now=LAPSED)), SeatUnavailable)

    assert held_by(fan, sale) == [0]
    assert broken_invariants() == {}


def test_a_seat_that_beat_is_releasing_can_be_had_once_it_has():
    sale, fan = make_sale(seats=1), make_fan()
    hold(make_fan(), sale, 0)
    (step,) = letting_in([fan], sale)

    with transaction.atomic():
        assert holds.release_lapsed(now=LAPSED) == 1
        assert isinstance(meanwhile(partial(step, 0, now=LAPSED)), SeatUnavailable)

    assert step(0, now=LAPSED).is_new
    assert broken_invariants() == {}


def test_control_without_canceling_the_lapsed_reservation_nobody_can_take_the_seat_over():
    sale = make_sale(seats=1)
    hold(make_fan(), sale, 0)

    with (
        mutant(HOLD_SEATS, ("if v_won.lapsed is not null then", "if false then")),
        pytest.raises(IntegrityError, match="reservation_one_live"),
    ):
        hold(make_fan(), sale, 0, now=LAPSED)

    assert broken_invariants() == {}


def test_beat_twice_at_once_releases_each_hold_once():
    sale = make_sale(seats=60, tickets_per_fan=60)
    for _ in range(3):
        hold(make_fan(), sale, *range(60))

        released = at_once([partial(holds.release_lapsed, now=LAPSED, batch=7)] * 4)

        assert sum(released) + holds.release_lapsed(now=LAPSED) == 60
        assert statuses(sale) == "A" * 60
    assert broken_invariants() == {}


def test_a_hold_that_is_being_extended_is_not_released():
    sale, fan = make_sale(seats=1), make_fan()
    (reservation,) = in_order(hold(fan, sale, 0))

    with transaction.atomic():
        holds.extend_hold(user_id=fan.pk, reservation_id=reservation, now=LAPSED - SECOND)
        assert meanwhile(partial(holds.release_lapsed, now=LAPSED)) == 0

    assert holds.release_lapsed(now=LAPSED) == 0
    assert held_by(fan, sale) == [0]


def test_a_hold_that_is_being_released_is_not_extended():
    sale, fan = make_sale(seats=1), make_fan()
    (reservation,) = in_order(hold(fan, sale, 0))
    late = partial(holds.extend_hold, user_id=fan.pk, reservation_id=reservation, now=LAPSED - SECOND)

    with transaction.atomic():
        holds.release_lapsed(now=LAPSED)
        later = start_behind(late)

    assert isinstance(later.exception(timeout=60), HoldExpired)
    assert statuses(sale) == "A"
    assert broken_invariants() == {}


def test_a_hold_that_is_being_taken_over_is_not_extended():
    sale, fan = make_sale(seats=1), make_fan()
    (reservation,) = in_order(hold(fan, sale, 0))
    late = partial(holds.extend_hold, user_id=fan.pk, reservation_id=reservation, now=LAPSED - SECOND)

    with transaction.atomic():
        hold(make_fan(), sale, 0, now=LAPSED)
        later = start_behind(late)

    assert isinstance(later.exception(timeout=60), HoldExpired)
    assert broken_invariants() == {}


def test_extended_eight_times_at_once_is_extended_once():
    sale, fan = make_sale(), make_fan()
    booking = hold(fan, sale, 0, 1)
    steps = [partial(holds.extend_hold, user_id=fan.pk, reservation_id=each, now=NOW) for each in in_order(booking)]

    assert kinds(at_once(steps * 4)) == {"Reservation": 8}

    assert set(Reservation.objects.values_list("expired_at", flat=True)) == {LAPSED + HOLD}
    assert broken_invariants() == {}


def test_a_hold_released_eight_times_at_once_is_released_once():
    sale, fan = make_sale(seats=1), make_fan()
    (reservation,) = in_order(hold(fan, sale, 0))

    answers = at_once([partial(holds.release_hold, reservation_id=reservation, user_id=fan.pk, now=NOW)] * 8)

    assert Counter(answers) == {True: 1, False: 7}
    assert broken_invariants() == {}


def test_giving_back_behind_a_takeover_leaves_the_seat_to_who_took_it():
    sale, first, second = make_sale(seats=1), make_fan(), make_fan()
    (reservation,) = in_order(hold(first, sale, 0))

    with transaction.atomic():
        hold(second, sale, 0, now=LAPSED)
        later = start_behind(partial(holds.release_hold, reservation_id=reservation, user_id=first.pk, now=LAPSED))

    assert later.result(timeout=60) is False
    assert held_by(second, sale) == [0]


# --- Everything at once ------------------------------------------------------------------------


def test_a_storm_of_holds_extensions_and_releases_breaks_nothing(settings):
    """Clocks that differ by more than a hold, few seats, and few fans who click a lot."""
    settings.HOLD_COOLDOWN_SECONDS = 0
    sale = make_sale(seats=8, tickets_per_fan=3)
    fans = [make_fan() for _ in range(5)]
    tokens = {fan.pk: let_in(fan, sale, expired_at=NOW + 20 * HOLD) for fan in fans}

    def click(seed):
        chance, clicks = random.Random(seed), Counter()
        for turn in range(30):
            fan, now = chance.choice(fans), NOW + turn * 20 * SECOND + chance.random() * 2 * HOLD
            step = chance.choice([one_hold, one_hold, one_hold, one_extension, one_release, one_tidying])
            with suppress(SeatUnavailable, TicketLimitExceeded, HoldExpired):
                step(chance, fan, now)
                clicks[step.__name__] += 1
        return clicks

    def one_hold(chance, fan, now):
        hold_with(tokens[fan.pk], fan, sale, *chance.sample(range(8), chance.randint(1, 3)), now=now)

    def one_extension(chance, fan, now):
        for each in mine(fan)[:1]:
            holds.extend_hold(user_id=fan.pk, reservation_id=each, now=now)

    def one_release(chance, fan, now):
        for each in mine(fan)[:1]:
            holds.release_hold(reservation_id=each, user_id=fan.pk, now=now)

    def one_tidying(chance, fan, now):
        holds.release_lapsed(now=now, batch=2)

    def mine(fan):
        return list(Reservation.objects.of(user_id=fan.pk).filter(status="RESERVING").values_list("pk", flat=True))

    answers = at_once([partial(click, seed) for seed in range(12)])

    assert kinds(answers) == {"Counter": 12}
    assert min(sum(answers, Counter()).values()) > 5
    assert broken_invariants() == {}
