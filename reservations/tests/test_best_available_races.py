"""Best available at the same moment, on connections of their own; each guard with a control that lacks it."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

from django.db import connection, transaction

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.errors import DomainError
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant
from reservations.domain import best_available
from reservations.domain.errors import SeatUnavailable
from reservations.domain.holds import Booking
from reservations.models import ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import best, best_with, hall_of, make_hall_sale
from reservations.tests.scenes import hold, let_in, statuses

PICK = Path(best_available.__file__).with_name("pick_best_available.sql")
LOCK_ROWS = "               for no key update skip locked) q;"
LOCK_STRETCH = "not pg_try_advisory_xact_lock(stretch_key(p_schedule, p_stretch))"
# So many connections at once; the house has 100 of them in all.
CROWD = 24

pytestmark = committed


def kinds(answers):
    return Counter(type(answer).__name__ for answer in answers)


def shares_of(sale, wishes):
    """A step for each of CROWD connections: its share of these wishes, each a fan of their own with a token."""
    fans = [(make_fan(), wish) for wish in wishes]
    shares = [[(let_in(fan, sale), fan, wish) for fan, wish in fans[nth::CROWD]] for nth in range(CROWD)]

    def step(share):
        return [outcome(token, fan, sale, wish) for token, fan, wish in share]

    return [partial(step, share) for share in shares]


def outcome(token, fan, sale, quantity):
    try:
        return quantity, best_with(token, fan, sale, quantity)
    except DomainError as error:
        return quantity, error


def torn(bookings):
    """The bookings whose seats don't adjoin."""
    found = []
    for booking in bookings:
        places = list(
            ConcertSeat.objects.filter(pk__in=[row["seat"] for row in booking.rows])
            .order_by("stretch", "place")
            .values_list("stretch", "place")
        )
        stretch, place = places[0]
        if places != [(stretch, place + nth) for nth in range(len(places))]:
            found.append(places)
    return found


def widest_gap(sale):
    """How many free seats adjoin at most."""
    free = ConcertSeat.objects.filter(concert_schedule=sale.pk, status="AVAILABLE").order_by("stretch", "place")
    places = enumerate(free.values_list("stretch", "place"))
    gaps = groupby(places, lambda each: (each[1][0], each[1][1] - each[0]))
    return max((len(list(gap)) for _, gap in gaps), default=0)


def test_fans_at_once_for_twos_and_fours_leave_nothing_that_could_be_sold():
    """They ask for 432 seats of 400: who is refused is refused because so many don't adjoin any more."""
    sale = make_hall_sale(seats=400, queue_max_active=400)
    wishes = [2, 4] * 72
    random.Random(1).shuffle(wishes)

    answers = [each for share in at_once(shares_of(sale, wishes)) for each in share]

    bookings = [answer for _wish, answer in answers if isinstance(answer, Booking)]
    assert kinds(answer for _wish, answer in answers).keys() <= {"Booking", "SeatUnavailable"}
    assert torn(bookings) == []
    sold = sum(len(booking.rows) for booking in bookings)
    assert Reservation.objects.count() == sold == statuses(sale).count("T")
    refused = [wish for wish, answer in answers if isinstance(answer, SeatUnavailable)]
    assert widest_gap(sale) < min(refused)
    assert broken_invariants() == {}


# --- Who chooses while another does ---------------------------------------------------------------


def second(sale, quantity=2):
    """A step of a fan who comes second."""
    fan = make_fan()
    return partial(best_with, let_in(fan, sale), fan, sale, quantity)


def row_of(booking):
    return booking.rows[0]["row"]


def test_who_comes_second_takes_the_next_row_while_the_first_is_still_at_work():
    sale = make_hall_sale(hall_of("RRRR", "RRRR"))
    step = second(sale)

    with transaction.atomic():
        assert row_of(best(make_fan(), sale, 2)) == "1"
        (answer,) = at_once([step])

    assert row_of(answer) == "2"


def test_seats_that_somebody_is_choosing_by_hand_are_passed_by():
    sale = make_hall_sale(hall_of("RRRR", "RRRR"))
    step = second(sale)

    with transaction.atomic():
        hold(make_fan(), sale, 2)
        (answer,) = at_once([step])

    assert row_of(answer) == "2"


def test_control_without_the_lock_on_its_rows_the_second_is_refused_in_front_of_free_seats():
    sale = make_hall_sale(hall_of("RRRR", "RRRR"))
    step = second(sale)

    with mutant(PICK, (LOCK_ROWS, ") q;")), transaction.atomic():
        hold(make_fan(), sale, 2)
        (answer,) = at_once([step])

    assert isinstance(answer, SeatUnavailable)


def in_the_only_row(sale):
    """What the second hears whose one row is being chosen in by another, who then is done."""
    step = second(sale)
    with transaction.atomic():
        best(make_fan(), sale, 2)
        return started(step)


def started(step):
    """The step in another thread, begun a moment ago."""

    def run():
        try:
            return step()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    time.sleep(0.2)
    return future


def test_best_available_retries_where_all_stretches_are_being_chosen_in():
    assert len(in_the_only_row(make_hall_sale(hall_of("RRRR"))).result(timeout=10).rows) == 2


def test_control_who_looks_once_is_refused_in_front_of_free_seats(monkeypatch):
    monkeypatch.setattr(best_available, "ROUNDS", 0)

    assert isinstance(in_the_only_row(make_hall_sale(hall_of("RRRR"))).exception(timeout=10), SeatUnavailable)


# --- One fan --------------------------------------------------------------------------------------


def test_one_fan_on_eight_connections_gets_exactly_the_limit():
    sale, fan = make_hall_sale(seats=40, tickets_per_fan=4), make_fan()
    token = let_in(fan, sale)

    answers = at_once([partial(best_with, token, fan, sale, 1)] * 8)

    assert kinds(answers) == {"Booking": 4, "TicketLimitExceeded": 4}
    assert broken_invariants() == {}


def test_of_eight_clicks_at_once_one_books_and_all_answer_that_booking():
    sale, fan = make_hall_sale(seats=40), make_fan()
    token = let_in(fan, sale)

    answers = at_once([partial(best_with, token, fan, sale, 2, key="a")] * 8)

    assert kinds(answers) == {"Booking": 8}
    assert len({answer.reference for answer in answers}) == 1
    assert statuses(sale).count("T") == 2
