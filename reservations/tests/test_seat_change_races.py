"""Staff and fans after the same seat at the same moment; the guard with a control that lacks it."""

from functools import partial

from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import run
from queueing.domain import admission
from reservations.domain import copies, levers, programme, seats
from reservations.domain.errors import SeatUnavailable
from reservations.domain.holds import Booking
from reservations.domain.seats import Outcome, Tariff
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import CONCERT_AT, NOW, hold, hold_with, let_in, make_sale, statuses

pytestmark = committed

TARIFF = Tariff(category="VIP", price=99_000)


def test_a_seat_that_is_being_held_is_not_taken_off_sale():
    sale, fan = make_sale(seats=2), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0)
        later = start_behind(partial(seats.take_off_sale, seat_ids=sale.seats, now=NOW))

    assert later.result(timeout=10) == Outcome(changed=1, skipped=1)
    assert statuses(sale) == "TU"
    assert broken_invariants() == {}


def test_control_a_status_that_was_looked_at_before_takes_a_fans_seat_away():
    """What one conditional UPDATE spares: a look first, then a write that trusts it."""
    sale, fan = make_sale(seats=1), make_fan()
    token = let_in(fan, sale)

    def look_then_write():
        free = list(ConcertSeat.objects.filter(pk__in=sale.seats, status="AVAILABLE").values_list("pk", flat=True))
        hold_with(token, fan, sale, 0)
        run("alter table concert_seat disable trigger user")
        return ConcertSeat.objects.filter(pk__in=free).update(
            status="UNAVAILABLE", user=None, expired_at=None, reserved_at=None
        )

    try:
        assert look_then_write() == 1
    finally:
        run("alter table concert_seat enable trigger user")

    assert 2 in broken_invariants()


def test_a_fan_who_comes_while_a_seat_is_taken_off_sale_hears_at_once():
    sale, fan = make_sale(seats=1), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        seats.take_off_sale(seat_ids=sale.seats, now=NOW)
        (answer,) = at_once([partial(hold_with, token, fan, sale, 0)])

    assert isinstance(answer, SeatUnavailable)
    assert statuses(sale) == "U"


def test_of_fans_and_staff_after_the_same_seats_each_seat_has_one_outcome():
    for _ in range(10):
        sale, fans = make_sale(seats=4), [make_fan() for _ in range(4)]
        steps = [partial(hold_with, let_in(fan, sale), fan, sale, nth) for nth, fan in enumerate(fans)]

        *answers, done = at_once([*steps, partial(seats.take_off_sale, seat_ids=sale.seats, now=NOW)])

        held = [isinstance(answer, Booking) for answer in answers]
        assert statuses(sale) == "".join("T" if is_held else "U" for is_held in held)
        assert done == Outcome(changed=4 - sum(held), skipped=sum(held))
    assert broken_invariants() == {}


def test_a_hold_and_a_new_price_agree_on_what_is_paid():
    for _ in range(10):
        sale, fan = make_sale(seats=1), make_fan()
        step = partial(hold_with, let_in(fan, sale), fan, sale, 0)

        at_once([step, partial(seats.change_tariff, schedule_id=sale.pk, seat_ids=sale.seats, tariff=TARIFF)])

        seat = ConcertSeat.objects.get(pk=sale.seats[0])
        for reservation in Reservation.objects.filter(concert_seat=seat):
            assert reservation.price == seat.seat_price
    assert broken_invariants() == {}


def test_a_cap_waits_for_an_admission_that_is_under_way():
    sale = make_sale(seats=1, queue_max_active=5)

    with transaction.atomic():
        admission.lock_waiting_room(sale.pk)
        later = start_behind(partial(levers.pull, schedule_id=sale.pk, queue_max_active=1))
        assert ConcertSchedule.objects.get(pk=sale.pk).queue_max_active == 5

    assert later.result(timeout=10) is None
    assert ConcertSchedule.objects.get(pk=sale.pk).queue_max_active == 1


def test_a_message_does_not_count_as_a_change_of_limits():
    sale = make_sale(seats=1)
    before = ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at

    levers.pull(schedule_id=sale.pk, queue_message="Soon")
    assert ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at == before

    levers.pull(schedule_id=sale.pk, queue_paused=True)
    assert ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at > before


def test_a_copy_waits_for_a_price_and_has_it_in_map_and_seats():
    sale = make_sale(seats=2)

    with transaction.atomic():
        seats.change_tariff.__wrapped__(schedule_id=sale.pk, seat_ids=sale.seats, tariff=TARIFF)
        later = start_behind(partial(copies.copy_schedule, schedule_id=sale.pk, concert_at=CONCERT_AT))

    copy = ConcertSchedule.objects.get(pk=later.result(timeout=10).pk)
    assert {seat.category for seat in copy.seats.all()} == {"VIP"}
    assert [category["name"] for category in copy.layout["categories"]] == ["VIP"]


def test_a_sale_closed_twice_at_once_is_closed_once():
    sale = make_sale()

    answers = at_once([partial(programme.close_sale, schedule_id=sale.pk, now=NOW)] * 4)

    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Conflict", "Conflict", "NoneType"]


def test_a_date_that_gets_seats_while_it_is_deleted_stays():
    sale = make_sale(seats=1)
    hold(make_fan(), sale, 0)

    (answer,) = at_once([partial(programme.delete_schedule, schedule_id=sale.pk)])

    assert type(answer).__name__ == "Conflict"
    assert ConcertSchedule.objects.filter(pk=sale.pk).exists()
