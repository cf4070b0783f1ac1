"""Taking seats and dates away again: only what nobody came to."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.lib.errors import Conflict, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import run
from concert_site.tests.unchanged import nothing_written
from reservations.domain import holds, schedules, seat_setup
from reservations.domain.errors import SeatUnavailable
from reservations.domain.holds import Booking
from reservations.halls.hall import plain_hall
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_fan, make_schedule, make_seats
from reservations.tests.scenes import NOW, hold, hold_with, let_in, make_sale, reservations_in, statuses

HALL = plain_hall(4, 50_000)


def removal(sale):
    return partial(seat_setup.remove_seats, schedule_id=sale.pk)


@committed
def test_seats_go_with_their_map_and_others_can_be_made():
    schedule, other = make_schedule(), make_schedule()
    seat_setup.add_seats(schedule_id=schedule.pk, hall=HALL)
    make_seats(other, 2)
    ConcertSeat.objects.filter(pk=schedule.seats.first().pk).update(status="UNAVAILABLE")

    assert seat_setup.remove_seats(schedule_id=schedule.pk) == 4

    schedule.refresh_from_db()
    assert (schedule.seats.count(), schedule.layout, schedule.layout_version) == (0, {}, 3)
    assert other.seats.count() == 2
    assert seat_setup.add_seats(schedule_id=schedule.pk, hall=HALL) == 4


@committed
def test_a_date_without_seats_has_none_to_remove():
    schedule = make_schedule()

    with nothing_written(), pytest.raises(Conflict, match="This date has no seats"):
        seat_setup.remove_seats(schedule_id=schedule.pk)


@committed
def test_seats_of_no_date_are_not_found():
    with pytest.raises(NotFound):
        seat_setup.remove_seats(schedule_id=0)
    with pytest.raises(NotFound):
        schedules.delete_schedule(schedule_id=0)


@committed
@pytest.mark.parametrize("is_given_back", [False, True], ids=["held", "given back"])
def test_a_seat_that_was_ever_booked_is_not_removed(is_given_back):
    sale = make_sale(seats=2)
    hold(make_fan(), sale, 0)
    if is_given_back:
        holds.release_lapsed(now=NOW + timedelta(hours=1))

    with nothing_written(), pytest.raises(Conflict, match="Seats of this date were booked"):
        seat_setup.remove_seats(schedule_id=sale.pk)


@committed
def test_a_date_goes_with_its_seats_in_one_step():
    sale = make_sale(seats=2)

    schedules.delete_schedule(schedule_id=sale.pk)

    assert not ConcertSchedule.objects.exists()
    assert not ConcertSeat.objects.exists()


@committed
def test_a_date_that_fans_stood_in_line_for_stays_with_its_seats():
    sale = make_sale(seats=2)
    let_in(make_fan(), sale)

    with nothing_written(), pytest.raises(Conflict, match="Fans have waited in line"):
        schedules.delete_schedule(schedule_id=sale.pk)


# --- Races -------------------------------------------------------------------------------------


@committed
def test_a_hold_that_comes_first_keeps_its_seat_and_all_others():
    sale, fan = make_sale(seats=3), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 1)
        later = start_behind(removal(sale))

    with pytest.raises(Conflict, match="A fan was quicker"):
        later.result(timeout=60)
    assert statuses(sale) == "ATA"
    assert broken_invariants() == {}


@committed
def test_a_hold_that_comes_and_goes_meanwhile_is_noticed_by_the_foreign_key():
    sale, fan = make_sale(seats=3), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        (held,) = reservations_in(hold_with(token, fan, sale, 1))
        later = start_behind(removal(sale))
        Reservation.objects.filter(pk=held.pk).update(status="CANCELED")
        ConcertSeat.objects.filter(pk=sale.seats[1]).update(status="AVAILABLE", user=None, expired_at=None)

    with pytest.raises(Conflict, match="Seats of this date were booked"):
        later.result(timeout=60)
    assert statuses(sale) == "AAA"


@committed
def test_a_fan_who_comes_while_seats_are_removed_hears_at_once():
    sale, fan = make_sale(seats=2), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        seat_setup.delete_seats(sale.pk)
        (answer,) = at_once([partial(hold_with, token, fan, sale, 0)])

    assert isinstance(answer, SeatUnavailable)
    assert not Reservation.objects.exists()


@committed
def test_seats_that_are_made_while_a_date_is_deleted_go_with_it():
    sale = make_sale(seats=0)

    with transaction.atomic():
        seat_setup.add_seats.__wrapped__(schedule_id=sale.pk, hall=HALL)
        later = start_behind(partial(schedules.delete_schedule, schedule_id=sale.pk))

    assert later.result(timeout=60) is None
    assert not ConcertSeat.objects.exists()


@committed
def test_of_a_hold_and_a_removal_at_once_one_wins():
    for _ in range(10):
        sale, fan = make_sale(seats=4), make_fan()
        fans_step = partial(hold_with, let_in(fan, sale), fan, sale, 1, 2)

        answer, removed = at_once([fans_step, removal(sale)])

        assert isinstance(answer, Booking) is isinstance(removed, Conflict), (answer, removed)
        assert statuses(sale) == ("ATTA" if isinstance(answer, Booking) else "")
    assert broken_invariants() == {}


@committed
def test_control_without_status_and_foreign_key_a_removal_takes_a_held_seat(monkeypatch):
    """The two guards of the statement taken out: what the tests above look at goes wrong."""
    sale, fan = make_sale(seats=3), make_fan()
    token = let_in(fan, sale)
    text = (Path(seat_setup.__file__).parent / "remove_seats.sql").read_text()
    guard = " and status in ('AVAILABLE', 'UNAVAILABLE')"
    assert text.count(guard) == 1
    monkeypatch.setattr(seat_setup, "sql_beside", lambda *_: text.replace(guard, ""))
    run("alter table concert_seat disable trigger all")

    try:
        with transaction.atomic():
            hold_with(token, fan, sale, 1)
            later = start_behind(removal(sale))
        assert later.result(timeout=60) == 3
        assert Reservation.objects.get().status == "RESERVING"
        assert not ConcertSeat.objects.exists()
    finally:
        Reservation.objects.all().delete()
        run("alter table concert_seat enable trigger all")
