"""Holding seats: what is held, what is refused, in which order, and that a refusal leaves no trace."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from concert_site.lib.database.statements import fetch_one
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from concert_site.tests.unchanged import nothing_changed, nothing_written
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen
from queueing.models import WaitingToken
from reservations.api.serializers import booking_out, reservation_out
from reservations.domain import holds
from reservations.domain.errors import (
    ScheduleUnknown,
    SeatUnavailable,
    SeatUnknown,
    TicketLimitExceeded,
)
from reservations.models import ConcertSeat, Reservation
from reservations.tests.factories import make_concert, make_fan
from reservations.tests.scenes import (
    ACTIVE,
    HOLD,
    LAPSED,
    NOW,
    held_by,
    hold,
    hold_with,
    in_order,
    let_in,
    make_sale,
    reservations_in,
    statuses,
    token_of,
)

SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


def test_a_hold_takes_the_seats_for_five_minutes():
    fan, sale = make_fan(), make_sale(seats=3)

    booking = hold(fan, sale, 2, 0)

    seats = ConcertSeat.objects.of_schedule(sale.pk)
    assert booking.is_new
    assert booking.expired_at == LAPSED
    assert booking.total == 100_000
    assert [(seat.status, seat.user_id, seat.expired_at, seat.reserved_at) for seat in seats] == [
        ("TEMPORARY", fan.pk, LAPSED, None),
        ("AVAILABLE", None, None, None),
        ("TEMPORARY", fan.pk, LAPSED, None),
    ]


def test_a_hold_writes_one_reservation_a_seat_with_what_it_was_booked_as():
    fan, sale = make_fan(), make_sale(price=77_000)

    booking = hold(fan, sale, 0, 1, key="a")

    rows = list(Reservation.objects.order_by("pk"))
    assert [row.concert_seat_id for row in rows] == sale.seats[:2]
    assert {row.booking_reference for row in rows} == {booking.reference}
    assert {(row.user_id, row.status, row.price) for row in rows} == {(fan.pk, "RESERVING", 77_000)}
    assert {(row.concert_name, row.concert_date) for row in rows} == {
        (sale.schedule.concert.name, sale.schedule.concert_date)
    }
    assert {(row.created_at, row.updated_state_at, row.expired_at) for row in rows} == {(NOW, NOW, LAPSED)}
    assert [row.idempotency_key for row in rows] == ["a", None]
    assert [row.extended_at for row in rows] == [None, None]


def test_a_hold_answers_what_it_wrote():
    booking = hold(make_fan(), make_sale(), 1, 3)

    for answered, row in zip(booking.rows, reservations_in(booking), strict=True):
        assert (answered["reservation"], answered["seat"]) == (row.pk, row.concert_seat_id)
        names = ("booking_reference", "concert_name", "concert_date", "price", "expired_at", "created_at")
        assert [answered[name] for name in names] == [getattr(row, name) for name in names]
        names = ("section", "row", "seat_number", "seat_label", "category", "x", "y", "accessible")
        assert [answered[name] for name in names] == [getattr(row.concert_seat, name) for name in names]
    assert booking.states == {"RESERVING"}


def test_a_hold_is_answered_as_any_reservation_is():
    """The answer is written from the function's rows, without a model between."""
    booking = hold(make_fan(), make_sale(), 0, 2)

    assert booking_out(booking)["reservations"] == [reservation_out(each) for each in reservations_in(booking)]


def test_a_booking_reference_is_twelve_signs_that_nobody_misreads():
    references = {holds.new_reference() for _ in range(200)}

    assert len(references) == 200
    assert all(re.fullmatch(r"[2-9BCDFGHJKMNPQRSTVWXZ]{12}", each) for each in references)


# --- The rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"reservation_available_at": NOW + INSTANT}, SaleNotOpen),
        ({"deadline_at": NOW}, SaleClosed),
        ({"deadline_at": NOW - SECOND}, SaleClosed),
    ],
)
def test_outside_the_sale_nothing_is_held(columns, error):
    fan, sale = make_fan(), make_sale(**columns)
    token = let_in(fan, sale, entered=False)

    with nothing_changed(), pytest.raises(error):
        hold_with(token, fan, sale, 0)


@pytest.mark.parametrize("columns", [{"reservation_available_at": NOW}, {"deadline_at": NOW + INSTANT}])
def test_the_sale_has_begun_at_its_opening_and_goes_on_until_its_deadline(columns):
    assert hold(make_fan(), make_sale(**columns), 0).is_new


def test_an_unavailable_concert_sells_nothing():
    fan, sale = make_fan(), make_sale(concert=make_concert(status="UNAVAILABLE"))
    token = let_in(fan, sale, entered=False)

    with nothing_changed(), pytest.raises(SaleClosed):
        hold_with(token, fan, sale, 0)


def test_who_has_no_token_of_this_schedule_holds_nothing():
    fan, sale, other = make_fan(), make_sale(), make_sale()
    tokens = [None, uuid4(), let_in(fan, other), let_in(make_fan(), sale)]

    for token in tokens:
        with nothing_changed(), pytest.raises(QueueTokenRequired):
            hold_with(token, fan, sale, 0)


@pytest.mark.parametrize("entered", [True, False])
@pytest.mark.parametrize(
    "columns",
    [
        {"status": "EXPIRED", "expired_reason": "LEFT", "expired_at": NOW + ACTIVE},
        {"expired_at": NOW},
        {"expired_at": NOW - SECOND},
    ],
)
def test_a_token_that_is_over_holds_nothing(entered, columns):
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale, entered=entered, **columns)

    with nothing_changed(), pytest.raises(QueueTokenInactive):
        hold_with(token, fan, sale, 0)


def test_a_waiting_token_cannot_hold():
    fan, sale = make_fan(), make_sale()
    token = WaitingToken.objects.create(user=fan, concert_schedule_id=sale.pk, number=1)

    with nothing_changed(), pytest.raises(QueueTokenInactive):
        hold_with(token.token, fan, sale, 0)


def test_a_token_is_good_until_the_instant_it_ends():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale, expired_at=NOW + INSTANT)

    assert hold_with(token, fan, sale, 0).is_new


def test_seats_of_another_schedule_or_of_none_are_named():
    fan, sale, other = make_fan(), make_sale(), make_sale()
    token = let_in(fan, sale, entered=False)
    seats = [sale.seats[0], other.seats[0], sale.seats[1], 2**62]

    with nothing_changed(), pytest.raises(SeatUnknown) as caught:
        holds.hold_seats(user_id=fan.pk, schedule=sale.pk, seats=seats, queue_token=token, now=NOW)

    assert (caught.value.attr, caught.value.items) == ("seats", [1, 3])


def test_an_unknown_schedule_is_named():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)

    with nothing_changed(), pytest.raises(ScheduleUnknown) as caught:
        holds.hold_seats(user_id=fan.pk, schedule=2**62, seats=sale.seats[:1], queue_token=token, now=NOW)

    assert caught.value.attr == "schedule"


@pytest.mark.parametrize(("nth", "items"), [((0, 1, 0), [2]), ((0, 0, 1, 1, 0), [1, 3, 4]), ((), None)])
def test_no_seat_and_seats_named_twice_are_no_request(nth, items):
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)

    with nothing_changed(), pytest.raises(Invalid) as caught:
        hold_with(token, fan, sale, *nth)

    assert (caught.value.attr, caught.value.items) == ("seats", items)


@pytest.mark.parametrize(
    "steps",
    [
        [("AVAILABLE", "UNAVAILABLE", {})],
        [("AVAILABLE", "TEMPORARY", {"expired_at": NOW + INSTANT})],
        [("AVAILABLE", "TEMPORARY", {"expired_at": NOW}), ("TEMPORARY", "RESERVED", {"expired_at": None})],
    ],
    ids=["off sale", "held", "paid"],
)
def test_seats_that_are_gone_are_named_and_the_others_stay_free(steps):
    fan, sale = make_fan(), make_sale()
    gone = ConcertSeat.objects.filter(pk__in=[sale.seats[1], sale.seats[3]])
    for source, to, changes in steps:
        owner = {} if to == "UNAVAILABLE" else {"user": make_fan()}
        gone.move(source, to, **owner | ({"reserved_at": NOW} if to == "RESERVED" else {}) | changes)
    token = let_in(fan, sale)

    with nothing_changed(), pytest.raises(SeatUnavailable) as caught:
        hold_with(token, fan, sale, 0, 1, 2, 3)

    assert (caught.value.attr, caught.value.items) == ("seats", [1, 3])


def test_the_first_rule_that_is_broken_is_the_one_that_is_told():
    """Every request breaks the rule it is refused for, and all that come after it."""
    fan, sale, other = make_fan(), make_sale(tickets_per_fan=1), make_sale()
    hold(make_fan(), sale, 0)
    gone_and_unknown, gone_and_many, gone = [sale.seats[0], other.seats[0]], sale.seats[:2], sale.seats[:1]
    over = let_in(fan, sale, status="EXPIRED", expired_reason="LEFT")
    live = let_in(fan, sale)
    ladder = [
        (2**62, gone_and_unknown, None, {}, ScheduleUnknown),
        (sale.pk, gone_and_unknown, None, {"now": sale.schedule.deadline_at}, SaleClosed),
        (sale.pk, gone_and_unknown, None, {}, QueueTokenRequired),
        (sale.pk, gone_and_unknown, over, {}, QueueTokenInactive),
        (sale.pk, gone_and_unknown, live, {}, SeatUnknown),
        (sale.pk, gone_and_many, live, {}, TicketLimitExceeded),
        (sale.pk, gone, live, {}, SeatUnavailable),
    ]

    for schedule, seats, token, time, error in ladder:
        request = {"schedule": schedule, "seats": seats, "queue_token": token} | {"now": NOW} | time
        with nothing_changed(), pytest.raises(error):
            holds.hold_seats(user_id=fan.pk, **request)


# --- The first use of a token ------------------------------------------------------------------


@pytest.mark.parametrize(("nth", "error"), [((0,), SeatUnavailable), ((1, 2), TicketLimitExceeded), ((1,), None)])
def test_the_first_use_of_a_token_enters_whether_the_fan_wins_or_loses(nth, error):
    fan, sale = make_fan(), make_sale(tickets_per_fan=1)
    hold(make_fan(), sale, 0)
    token = let_in(fan, sale, entered=False)
    later = NOW + 60 * SECOND

    if error:
        with pytest.raises(error):
            hold_with(token, fan, sale, *nth, now=later)
    else:
        hold_with(token, fan, sale, *nth, now=later)

    used = token_of(fan, sale)
    assert (used.status, used.entered_at, used.expired_at) == ("ACTIVE", later, later + ACTIVE)


def test_a_loser_who_enters_with_it_changes_nothing_else():
    fan, sale = make_fan(), make_sale()
    hold(make_fan(), sale, 0)
    token = let_in(fan, sale, entered=False)
    with pytest.raises(SeatUnavailable):
        hold_with(token, fan, sale, 0)

    with nothing_changed(), pytest.raises(SeatUnavailable):
        hold_with(token, fan, sale, 0, 1, now=NOW + SECOND)

    assert held_by(fan, sale) == []


def test_later_holds_do_not_extend_the_token():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)

    hold_with(token, fan, sale, 0, now=NOW + 60 * SECOND)

    used = token_of(fan, sale)
    assert (used.entered_at, used.expired_at) == (NOW, NOW + ACTIVE)


# --- The limit ---------------------------------------------------------------------------------


def test_a_fan_holds_up_to_the_limit_in_several_bookings():
    fan, sale = make_fan(), make_sale(tickets_per_fan=3)
    hold(fan, sale, 0, 1)
    hold(fan, sale, 2)

    with nothing_written(), pytest.raises(TicketLimitExceeded):
        hold(fan, sale, 3)

    assert held_by(fan, sale) == [0, 1, 2]


def test_more_seats_than_the_limit_are_refused_at_a_glance():
    fan, sale = make_fan(), make_sale(tickets_per_fan=2)
    token = let_in(fan, sale)

    with nothing_changed(), pytest.raises(TicketLimitExceeded):
        hold_with(token, fan, sale, 0, 1, 2)


def test_the_limit_is_one_schedules_and_one_fans():
    fan, sale, other = make_fan(), make_sale(tickets_per_fan=1), make_sale(tickets_per_fan=1)
    hold(fan, sale, 0)

    assert hold(fan, other, 0).is_new
    assert hold(make_fan(), sale, 1).is_new


def test_seats_given_up_no_longer_count():
    fan, sale = make_fan(), make_sale(tickets_per_fan=2)
    first = hold(fan, sale, 0, 1)
    holds.release_hold(reservation_id=in_order(first)[0], user_id=fan.pk, now=NOW)

    hold(fan, sale, 2)

    assert held_by(fan, sale) == [1, 2]


def test_own_lapsed_holds_are_released_when_they_stand_in_the_way():
    fan, sale = make_fan(), make_sale(tickets_per_fan=2)
    old = hold(fan, sale, 0, 1)

    hold(fan, sale, 2, now=LAPSED)

    assert held_by(fan, sale) == [2]
    assert statuses(sale) == "AATAAA"
    released = Reservation.objects.filter(booking_reference=old.reference)
    assert set(released.values_list("status", "updated_state_at")) == {("CANCELED", LAPSED)}


def test_own_lapsed_holds_stay_where_they_are_in_nobodys_way():
    fan, sale = make_fan(), make_sale(tickets_per_fan=4)
    hold(fan, sale, 0, 1)

    hold(fan, sale, 2, now=LAPSED)

    assert statuses(sale) == "TTTAAA"
    assert held_by(fan, sale) == [0, 1, 2]


def test_live_holds_are_never_released_for_the_limit():
    fan, sale = make_fan(), make_sale(tickets_per_fan=3)
    hold(fan, sale, 0)
    hold(fan, sale, 1, 2, now=NOW + SECOND)

    with pytest.raises(TicketLimitExceeded):
        hold(fan, sale, 3, 4, now=LAPSED)

    assert held_by(fan, sale) == [1, 2]
    assert statuses(sale) == "ATTAAA"


# --- Lapsed holds ------------------------------------------------------------------------------


def test_a_hold_is_live_until_the_instant_it_ends():
    sale = make_sale()
    hold(make_fan(), sale, 0)

    with pytest.raises(SeatUnavailable):
        hold(make_fan(), sale, 0, now=LAPSED - INSTANT)

    assert hold(make_fan(), sale, 0, now=LAPSED).is_new


def test_a_lapsed_hold_is_taken_over_and_its_reservation_canceled():
    first, second, sale = make_fan(), make_fan(), make_sale()
    old = hold(first, sale, 0, 1)

    new = hold(second, sale, 1, 2, now=LAPSED)

    assert [(r.status, r.updated_state_at) for r in Reservation.objects.order_by("pk")] == [
        ("RESERVING", NOW),
        ("CANCELED", LAPSED),
        ("RESERVING", LAPSED),
        ("RESERVING", LAPSED),
    ]
    seat = ConcertSeat.objects.get(pk=sale.seats[1])
    assert (seat.user_id, seat.expired_at) == (second.pk, LAPSED + HOLD)
    assert (held_by(first, sale), held_by(second, sale)) == ([0], [1, 2])
    assert old.reference != new.reference


def test_a_fan_takes_over_their_own_lapsed_hold_within_the_limit():
    fan, sale = make_fan(), make_sale(tickets_per_fan=2)
    old = hold(fan, sale, 0, 1)

    new = hold(fan, sale, 0, 1, now=LAPSED)

    assert new.is_new
    assert new.reference != old.reference
    assert held_by(fan, sale) == [0, 1]


# --- The same again ----------------------------------------------------------------------------


def test_the_same_key_again_answers_the_booking_and_changes_nothing():
    fan, sale = make_fan(), make_sale()
    first = hold(fan, sale, 0, 1, key="a")

    with nothing_changed():
        again = hold(fan, sale, 0, 1, key="a", now=NOW + SECOND)

    assert not again.is_new
    assert (again.reference, in_order(again), again.expired_at) == (first.reference, in_order(first), LAPSED)


def test_the_same_key_with_another_body_is_refused():
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0, key="a")

    for nth in [(1,), (0, 1)]:
        with nothing_changed(), pytest.raises(IdempotencyKeyReused):
            hold(fan, sale, *nth, key="a")


def test_a_key_belongs_to_the_fan_across_schedules():
    fan, sale, other = make_fan(), make_sale(), make_sale()
    hold(fan, sale, 0, key="a")
    let_in(fan, other)

    with nothing_changed(), pytest.raises(IdempotencyKeyReused):
        hold(fan, other, 0, key="a")


def test_two_fans_may_use_one_key():
    sale = make_sale()

    assert hold(make_fan(), sale, 0, key="a").is_new
    assert hold(make_fan(), sale, 1, key="a").is_new


def test_a_refused_request_leaves_its_key_free():
    fan, sale = make_fan(), make_sale()
    hold(make_fan(), sale, 0)
    with pytest.raises(SeatUnavailable):
        hold(fan, sale, 0, key="a")

    assert hold(fan, sale, 1, key="a").is_new


def test_a_key_is_looked_up_before_token_and_sale_are_judged():
    fan, sale = make_fan(), make_sale()
    first = hold(fan, sale, 0, key="a")

    with nothing_changed():
        again = hold_with(None, fan, sale, 0, key="a", now=sale.schedule.deadline_at)

    assert again.reference == first.reference
    with nothing_changed(), pytest.raises(IdempotencyKeyReused):
        hold_with(None, fan, sale, 1, key="a", now=sale.schedule.deadline_at)


def test_a_replay_answers_a_canceled_booking_as_it_is_now():
    fan, sale = make_fan(), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0, key="a"))
    holds.release_hold(reservation_id=reservation, user_id=fan.pk, now=NOW)

    again = hold(fan, sale, 0, key="a")

    assert not again.is_new
    assert [each.status for each in again.repeated] == ["CANCELED"]
    assert again.expired_at is None
    assert statuses(sale) == "AAAAAA"


@pytest.mark.parametrize("nth", [(0, 1), (1, 0)])
@pytest.mark.parametrize("keys", [(None, None), (None, "a"), ("a", None), ("a", "b")])
def test_exactly_ones_own_held_seats_again_are_that_booking(nth, keys):
    fan, sale = make_fan(), make_sale()
    first = hold(fan, sale, 0, 1, key=keys[0])

    with nothing_changed():
        again = hold(fan, sale, *nth, key=keys[1], now=LAPSED - INSTANT)

    assert (again.is_new, again.reference) == (False, first.reference)
    assert in_order(again) == in_order(first)


@pytest.mark.parametrize(("nth", "gone"), [((0,), [0]), ((0, 1, 2), [0, 1]), ((1, 2), [0])])
def test_part_of_ones_own_seats_or_more_is_refused(nth, gone):
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0, 1)

    with nothing_changed(), pytest.raises(SeatUnavailable) as caught:
        hold(fan, sale, *nth)

    assert caught.value.items == gone


def test_seats_of_two_own_bookings_are_no_booking():
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0)
    hold(fan, sale, 1)

    with nothing_changed(), pytest.raises(SeatUnavailable):
        hold(fan, sale, 0, 1)


def test_the_same_seats_of_another_fan_are_not_answered():
    sale = make_sale()
    hold(make_fan(), sale, 0)

    with pytest.raises(SeatUnavailable):
        hold(make_fan(), sale, 0)


# --- What it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
@pytest.mark.parametrize("entered", [True, False])
def test_a_hold_is_one_round_trip(nth, entered, django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale, entered=entered)

    with django_assert_num_queries(1):
        booking = hold_with(token, fan, sale, *nth)

    with django_assert_num_queries(0):
        assert booking.total == 50_000 * len(nth)
        assert len(booking_out(booking)["reservations"]) == len(nth)


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
def test_a_repeated_hold_is_two_round_trips(nth, django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, *nth)
    token = token_of(fan, sale).token

    with django_assert_num_queries(2):
        again = hold_with(token, fan, sale, *nth)
        assert len(booking_out(again)["reservations"]) == len(nth)


def test_a_refused_hold_is_one_round_trip(django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    hold(make_fan(), sale, 0)
    token = let_in(fan, sale)

    with django_assert_num_queries(1), pytest.raises(SeatUnavailable):
        hold_with(token, fan, sale, 0)


def test_a_plain_interface_takes_the_databases_own_time():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)

    booking = hold_with(token, fan, sale, 0, now=None)

    now = fetch_one("select statement_timestamp() as now", {})["now"]
    assert now - 60 * SECOND < booking.rows[0]["created_at"] <= now
    assert booking.expired_at == booking.rows[0]["created_at"] + HOLD
