"""Staff and fans after the same seat at the same moment; the guard with a control that lacks it."""

from contextlib import contextmanager
from functools import partial

import pytest
from django.db import ProgrammingError, transaction
from django.utils.timezone import now

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.lib.errors import Conflict
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import run
from queueing.domain import admission
from reservations.domain import sale_settings, schedules, seats
from reservations.domain.errors import SeatUnavailable
from reservations.domain.holds import Booking
from reservations.domain.seats import ChangedSeats
from reservations.halls.hall import Category
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.seat import ConcertSeatQuerySet
from reservations.tests.factories import make_fan
from reservations.tests.scenes import CONCERT_AT, HOLD, NOW, hold_with, let_in, make_sale, statuses

pytestmark = committed

VIP = Category("VIP", "#2563eb", 99_000)


def test_a_seat_that_is_being_held_is_not_taken_off_sale():
    sale, fan = make_sale(seats=2), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0)
        later = start_behind(partial(seats.take_off_sale, seat_ids=sale.seats, now=NOW))

    assert later.result(timeout=60) == ChangedSeats(changed=1, skipped=1)
    assert statuses(sale) == "TU"
    assert broken_invariants() == {}


def take_off_behind_a_hold():
    """A fan holds a seat; before that is committed, staff take the seat off sale with the product's own code."""
    sale, fan = make_sale(seats=1), make_fan()
    token = let_in(fan, sale)
    with transaction.atomic():
        hold_with(token, fan, sale, 0)
        later = start_behind(partial(seats.take_off_sale, seat_ids=sale.seats, now=NOW))
    return sale, later


def move_without_looking(rows, source, to, **changes):
    """StateQuerySet.move without its guard: it doesn't ask which state the rows are in."""
    return rows.update(status=to, user=None, expired_at=None, **changes)


def lock_without_looking(rows):
    """seats.locked without its guard: it locks the seats that were asked for, in whichever state they are by then."""
    return seats.chosen(list(rows.values_list("pk", flat=True)))


def test_control_without_the_status_in_lock_and_update_only_the_trigger_saves_the_fans_seat(monkeypatch):
    monkeypatch.setattr(ConcertSeatQuerySet, "move", move_without_looking)
    monkeypatch.setattr(seats, "locked", lock_without_looking)

    sale, later = take_off_behind_a_hold()

    with pytest.raises(ProgrammingError, match="Invalid transition"):
        later.result(timeout=60)
    assert statuses(sale) == "T"


def test_control_without_either_guard_staff_take_a_seat_out_of_a_fans_hands(monkeypatch):
    monkeypatch.setattr(ConcertSeatQuerySet, "move", move_without_looking)
    monkeypatch.setattr(seats, "locked", lock_without_looking)
    run("alter table concert_seat disable trigger user")
    try:
        sale, later = take_off_behind_a_hold()
        assert later.result(timeout=60).changed == 1
    finally:
        run("alter table concert_seat enable trigger user")

    assert statuses(sale) == "U"
    assert 2 in broken_invariants()


def test_a_fan_who_comes_while_a_seat_is_taken_off_sale_hears_at_once():
    sale, fan = make_sale(seats=1), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        seats.move.__wrapped__(sale.seats, "AVAILABLE", "UNAVAILABLE")
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
        assert done == ChangedSeats(changed=4 - sum(held), skipped=sum(held))
    assert broken_invariants() == {}


def test_a_hold_and_a_new_price_agree_on_what_is_paid():
    for _ in range(10):
        sale, fan = make_sale(seats=1), make_fan()
        step = partial(hold_with, let_in(fan, sale), fan, sale, 0)

        at_once([step, partial(seats.change_category, schedule_id=sale.pk, seat_ids=sale.seats, category=VIP)])

        seat = ConcertSeat.objects.get(pk=sale.seats[0])
        for reservation in Reservation.objects.filter(concert_seat=seat):
            assert reservation.price == seat.seat_price
    assert broken_invariants() == {}


def test_a_cap_waits_for_an_admission_that_is_under_way():
    sale = make_sale(seats=1, queue_max_active=5)

    with transaction.atomic():
        admission.lock_waiting_room(sale.pk)
        later = start_behind(partial(sale_settings.change_sale_settings, schedule_id=sale.pk, queue_max_active=1))
        assert ConcertSchedule.objects.get(pk=sale.pk).queue_max_active == 5

    assert [(each.before, each.after) for each in later.result(timeout=60)] == [(5, 1)]
    assert ConcertSchedule.objects.get(pk=sale.pk).queue_max_active == 1


def test_a_message_does_not_count_as_a_change_of_limits():
    sale = make_sale(seats=1)
    before = ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at

    sale_settings.change_sale_settings(schedule_id=sale.pk, queue_message="Soon")
    assert ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at == before

    sale_settings.change_sale_settings(schedule_id=sale.pk, queue_paused=True)
    assert ConcertSchedule.objects.get(pk=sale.pk).limits_changed_at > before


@contextmanager
def commits_wait():
    """Let whoever changes a schedule wait before the commit, until the block around this one ends."""
    run(
        "create function wait_for_the_test() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock(0, 7); return null; end $$",
        "create constraint trigger wait_for_the_test after update on concert_schedule"
        " deferrable initially deferred for each row execute function wait_for_the_test()",
    )
    try:
        yield
    finally:
        run("drop function wait_for_the_test cascade")


def hold_while_the_limit_is_lowered():
    """A fan takes three seats after the limit was lowered to one, and before that is committed."""
    sale, fan = make_sale(seats=3, tickets_per_fan=3, reservation_available_at=now() - HOLD), make_fan()
    token = let_in(fan, sale, now=now())
    with commits_wait():
        with transaction.atomic():
            run("select pg_advisory_xact_lock(0, 7)")
            later = start_behind(partial(sale_settings.change_sale_settings, schedule_id=sale.pk, tickets_per_fan=1))
            (answer,) = at_once([partial(hold_with, token, fan, sale, 0, 1, 2, now=None)])
        later.result(timeout=60)
    assert isinstance(answer, Booking)
    return sale


def test_a_hold_that_read_the_limit_of_before_is_no_breach():
    sale = hold_while_the_limit_is_lowered()

    assert ConcertSchedule.objects.get(pk=sale.pk).tickets_per_fan == 1
    assert broken_invariants() == {}


def test_control_marked_before_the_commit_alone_the_audit_accuses_the_fan(monkeypatch):
    monkeypatch.setattr(sale_settings, "note_limits_changed", lambda schedule_id: None)

    hold_while_the_limit_is_lowered()

    assert 7 in broken_invariants()


def test_a_copy_waits_for_a_price_and_has_it_in_map_and_seats():
    sale = make_sale(seats=2)

    with transaction.atomic():
        seats.write_category.__wrapped__(sale.pk, sale.seats, VIP)
        later = start_behind(partial(schedules.copy_schedule, schedule_id=sale.pk, concert_at=CONCERT_AT))

    copy = ConcertSchedule.objects.get(pk=later.result(timeout=60).pk)
    assert {seat.category for seat in copy.seats.all()} == {"VIP"}
    assert [category["name"] for category in copy.layout["categories"]] == ["VIP"]


def test_a_sale_closed_twice_at_once_is_closed_once():
    sale = make_sale()

    answers = at_once([partial(schedules.close_sale, schedule_id=sale.pk, now=NOW)] * 4)

    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Conflict", "Conflict", "NoneType"]


def test_a_date_whose_first_seat_is_being_booked_is_not_deleted():
    sale, fan = make_sale(seats=1), make_fan()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0)
        (answer,) = at_once([partial(schedules.delete_schedule, schedule_id=sale.pk)])

    assert isinstance(answer, Conflict)
    assert statuses(sale) == "T"
    assert broken_invariants() == {}
