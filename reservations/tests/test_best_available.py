"""Best available: which seats the house chooses, and what it refuses."""

from datetime import timedelta

import pytest

from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from concert_site.tests.audited import broken_invariants
from queueing.domain.errors import QueueTokenInactive, SaleClosed, SoldOut
from queueing.models import WaitingToken
from reservations.domain.errors import SeatUnavailable, TicketLimitExceeded
from reservations.halls.curved import curved_hall
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import best, best_with, hall_of, make_hall_sale, seats_in
from reservations.tests.scenes import LAPSED, NOW, hold, let_in, statuses

pytestmark = pytest.mark.django_db


def numbers(booking):
    return [number for _section, _row, number in seats_in(booking)]


def rows(booking):
    return {row for _section, row, _number in seats_in(booking)}


def take(sale, row, *taken):
    """Take seats of a row off sale: to the one who chooses they are as good as sold."""
    ConcertSeat.objects.filter(concert_schedule=sale.pk, row=row, seat_number__in=taken).update(status="UNAVAILABLE")


# --- Which --------------------------------------------------------------------------------------


def test_the_best_seats_adjoin_in_the_middle_of_the_row_that_is_nearest_to_the_stage():
    sale = make_hall_sale(hall_of("RRRRRRRRRR", "RRRRRRRRRR"))

    booking = best(make_fan(), sale, 2)

    assert seats_in(booking) == [("A", "1", 5), ("A", "1", 6)]
    assert booking.is_new
    assert broken_invariants() == {}


def test_of_a_hall_of_arcs_the_middle_of_the_first_row_is_best():
    sale = make_hall_sale(curved_hall())

    assert seats_in(best(make_fan(), sale, 2)) in (
        [("Stalls CL", "A", 4), ("Stalls CL", "A", 5)],
        [("Stalls CR", "A", 1), ("Stalls CR", "A", 2)],
    )


def test_a_pair_is_not_torn_by_an_aisle_or_a_taken_seat():
    sale = make_hall_sale(hall_of("RR R R R", "RRRRRRRR"))
    take(sale, "1", 2)

    assert rows(best(make_fan(), sale, 2)) == {"2"}


def test_numbers_that_run_on_across_an_aisle_do_not_adjoin():
    hall = hall_of("RR RR RR RR", "RRRRRRRRRRR")
    sale = make_hall_sale(hall)
    in_row = ConcertSeat.objects.filter(concert_schedule=sale.pk, row="1").order_by("x")
    for number, seat in enumerate(in_row, 101):
        ConcertSeat.objects.filter(pk=seat.pk).update(seat_number=number)

    assert rows(best(make_fan(), sale, 3)) == {"2"}


def test_no_seat_is_left_alone_where_another_row_leaves_none():
    sale = make_hall_sale(hall_of("RRR", "RRRRRR"))

    assert rows(best(make_fan(), sale, 2)) == {"2"}


def test_a_seat_is_left_alone_where_it_can_not_be_helped():
    sale = make_hall_sale(hall_of("RRR"))

    assert numbers(best(make_fan(), sale, 2)) in ([1, 2], [2, 3])


def test_pairs_fill_a_row_to_its_last_seat():
    sale = make_hall_sale(hall_of("RRRRRRRRRR"))

    for _ in range(5):
        best(make_fan(), sale, 2)

    assert statuses(sale) == "T" * 10


def test_a_section_and_a_grade_bound_the_choice():
    sale = make_hall_sale(hall_of("RRRR", "SSSS", "RRRR", "SSSS", sections="AB"))

    assert rows(best(make_fan(), sale, 2, section="B")) == {"2"}
    assert rows(best(make_fan(), sale, 2, category="S")) == {"2"}
    assert rows(best(make_fan(), sale, 2, category="S", section="B")) == {"4"}


def test_a_group_does_not_reach_into_another_grade():
    sale = make_hall_sale(hall_of("RSSR", "SSSS"))

    assert rows(best(make_fan(), sale, 3, category="S")) == {"2"}


def test_wheelchair_places_and_companions_are_for_who_asks():
    sale = make_hall_sale(hall_of("wcRwc", "RRRR"))

    assert rows(best(make_fan(), sale, 2)) == {"2"}
    assert numbers(best(make_fan(), sale, 1, accessible=True)) in ([1], [4])
    assert numbers(best(make_fan(), sale, 2, accessible=True)) in ([1, 2], [4, 5])
    assert best(make_fan(), sale, 1).rows[0]["row"] in ("1", "2")
    with pytest.raises(SeatUnavailable) as refused:
        best(make_fan(), sale, 1, accessible=True)
    assert refused.value.detail == "There is no wheelchair place left there."


def test_who_asks_for_a_wheelchair_place_gets_no_more_of_them_than_there_must_be():
    sale = make_hall_sale(hall_of("wwwRR"))

    assert numbers(best(make_fan(), sale, 2, accessible=True)) == [3, 4]


def test_a_lapsed_hold_counts_as_free():
    sale = make_hall_sale(hall_of("RR"))
    hold(make_fan(), sale, 0)

    assert numbers(best(make_fan(), sale, 2, now=LAPSED)) == [1, 2]
    assert broken_invariants() == {}


def test_best_available_is_one_round_trip_and_its_repeat_two(django_assert_num_queries):
    sale, fan = make_hall_sale(), make_fan()
    token = let_in(fan, sale)

    with django_assert_num_queries(1):
        best_with(token, fan, sale, 2, key="a")
    with django_assert_num_queries(2):
        best_with(token, fan, sale, 2, key="a")


# --- Which not ----------------------------------------------------------------------------------


def test_the_same_key_answers_the_same_booking_and_another_wish_is_refused():
    sale, fan = make_hall_sale(), make_fan()
    first = best(fan, sale, 2, key="a")

    again = best(fan, sale, 2, key="a")

    assert (again.is_new, again.reference) == (False, first.reference)
    assert len(again.repeated) == 2
    with pytest.raises(IdempotencyKeyReused):
        best(fan, sale, 3, key="a")
    assert Reservation.objects.count() == 2


@pytest.mark.parametrize(
    ("taken", "asked", "said"),
    [
        ([3], 3, "3 seats together can't be had there any more. The most that can be had is 2 together."),
        ([2, 4], 2, "2 seats together can't be had there any more. The most that can be had is 1 seat."),
    ],
)
def test_a_refusal_says_how_many_can_be_had_together(taken, asked, said):
    sale = make_hall_sale(hall_of("RRRRR"))
    take(sale, "1", *taken)

    with pytest.raises(SeatUnavailable) as refused:
        best(make_fan(), sale, asked)

    assert (str(refused.value.detail), refused.value.attr) == (said, "best_available")
    assert "T" not in statuses(sale)


def test_where_all_is_held_no_seat_is_left_and_where_all_is_paid_it_is_sold_out():
    sale = make_hall_sale(hall_of("RR"))
    hold(make_fan(), sale, 0, 1)

    with pytest.raises(SeatUnavailable, match="No seat is left there"):
        best(make_fan(), sale, 1)
    ConcertSeat.objects.move("TEMPORARY", "RESERVED", expired_at=None, reserved_at=NOW)
    with pytest.raises(SoldOut):
        best(make_fan(), sale, 1)


def test_more_than_a_fan_may_book_is_refused_before_anything_is_chosen():
    sale, fan = make_hall_sale(tickets_per_fan=2), make_fan()

    with pytest.raises(TicketLimitExceeded):
        best(fan, sale, 3)
    best(fan, sale, 1)
    with pytest.raises(TicketLimitExceeded):
        best(fan, sale, 2)
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("wish", [{"section": "Z"}, {"category": "Z"}])
def test_a_section_or_grade_that_does_not_exist_is_named(wish):
    (field,) = wish

    with pytest.raises(Invalid) as refused:
        best(make_fan(), make_hall_sale(), 1, **wish)

    assert (refused.value.code, refused.value.attr) == ("does_not_exist", f"best_available.{field}")


def test_who_is_not_inside_and_whose_sale_is_over_hear_so():
    sale, fan = make_hall_sale(), make_fan()
    best(fan, sale, 1)

    WaitingToken.objects.update(expired_at=NOW - timedelta(seconds=1))
    with pytest.raises(QueueTokenInactive):
        best(fan, sale, 1)
    ConcertSchedule.objects.update(deadline_at=NOW)
    with pytest.raises(SaleClosed):
        best(fan, sale, 1)
    assert Reservation.objects.count() == 1
