"""Seats that are kept for somebody: made, put back, ended, and left alone by whatever else changes seats."""

from datetime import timedelta

import pytest

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Conflict, Invalid, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed
from payments.domain import counter
from payments.domain.counter_orders import Buyer, SaleOrder, Tender
from reservations.domain import named_holds, seat_setup, seats
from reservations.domain.errors import SeatUnavailable
from reservations.domain.named_holds import NamedHoldOrder
from reservations.models import NamedHold, NamedHoldSeat
from reservations.queries.hall_states import chosen_counts, hall_codes, named_holds_of, seat_details
from reservations.tests.factories import make_fan
from reservations.tests.scenes import LAPSED, NOW, hold, make_sale, statuses

PRESS = NamedHoldOrder("Press", "Kim, press@example.com", "Reviews")

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk():
    return make_staff()


def keep(clerk, sale, *nth, order=PRESS, now=NOW):
    ids = [sale.seats[each] for each in nth]
    return named_holds.create(schedule_id=sale.pk, seat_ids=ids, order=order, actor_id=clerk.pk, now=now)


def outcomes():
    return list(NamedHoldSeat.objects.order_by("pk").values_list("outcome", flat=True))


def test_seats_are_kept_off_sale_and_held_sold_and_kept_ones_skipped(clerk):
    sale = make_sale()
    hold(make_fan(), sale, 0)
    seats.take_off_sale(seat_ids=[sale.seats[3]])
    keep(clerk, sale, 1)

    kept = keep(clerk, sale, 0, 1, 2, 3)

    assert (kept.seats.changed, kept.seats.skipped) == (2, 2)
    assert statuses(sale) == "TUUUAA"
    assert broken_invariants() == {}


def test_a_lapsed_hold_doesn_t_keep_a_seat_from_being_kept(clerk):
    sale = make_sale()
    hold(make_fan(), sale, 0)

    keep(clerk, sale, 0, now=LAPSED)

    assert statuses(sale) == "UAAAAA"


@pytest.mark.parametrize(
    ("order", "attr"),
    [
        (NamedHoldOrder(" ", "Kim", "Reviews"), "name"),
        (NamedHoldOrder("Press", "", "Reviews"), "owner"),
        (NamedHoldOrder("Press", "Kim", "a\nb"), "reason"),
        (NamedHoldOrder("Press", "Kim", "Reviews", NOW), "ends_at"),
    ],
)
def test_a_named_hold_says_for_whom_why_and_ends_later(clerk, order, attr):
    sale = make_sale()

    with nothing_changed(), pytest.raises(Invalid) as refused:
        keep(clerk, sale, 0, order=order)

    assert refused.value.attr == attr


def test_a_named_hold_without_a_seat_isn_t_made(clerk):
    sale = make_sale()
    keep(clerk, sale, 0)

    with pytest.raises(Conflict):
        keep(clerk, sale, 0)

    assert NamedHold.objects.count() == 1


def test_seats_of_a_named_hold_are_released(clerk):
    sale = make_sale()
    kept = keep(clerk, sale, 0, 1, 2).named_hold

    some = named_holds.release(named_hold_id=kept.pk, seat_ids=[sale.seats[0], sale.seats[5]], now=NOW)
    assert (some, statuses(sale)) == (1, "AUUAAA")
    assert named_holds.release(named_hold_id=kept.pk, now=NOW) == 2

    assert statuses(sale) == "AAAAAA"
    assert outcomes() == ["RELEASED"] * 3
    assert broken_invariants() == {}
    with pytest.raises(NotFound):
        named_holds.release(named_hold_id=0)


def test_its_end_puts_it_back_on_sale(clerk):
    sale = make_sale()
    keep(clerk, sale, 0, order=NamedHoldOrder("Press", "Kim", "Reviews", NOW + timedelta(hours=1)))
    keep(clerk, sale, 1)

    assert named_holds.release_ended(now=NOW + timedelta(minutes=59)) == 0
    assert named_holds.release_ended(now=NOW + timedelta(hours=1)) == 1

    assert statuses(sale) == "AUAAAA"
    assert broken_invariants() == {}


def test_the_plain_step_leaves_kept_seats_alone(clerk):
    sale = make_sale()
    keep(clerk, sale, 0)
    seats.take_off_sale(seat_ids=[sale.seats[1]])

    done = seats.put_on_sale(seat_ids=sale.seats[:2])

    assert (done.changed, done.skipped, statuses(sale)) == (1, 1, "UAAAAA")


def test_seats_that_are_kept_aren_t_removed_and_what_is_past_goes_along(clerk):
    sale = make_sale()
    kept = keep(clerk, sale, 0).named_hold

    with nothing_changed(), pytest.raises(Conflict):
        seat_setup.remove_seats(schedule_id=sale.pk)
    named_holds.release(named_hold_id=kept.pk)

    assert seat_setup.remove_seats(schedule_id=sale.pk) == 6
    assert not NamedHold.objects.exists()


@pytest.mark.parametrize(
    ("method", "outcome", "code"), [("CASH", "SOLD", "R"), ("COMPLIMENTARY", "COMPLIMENTARY", "C")]
)
def test_kept_seats_become_sales_and_complimentary_tickets(clerk, method, outcome, code):
    sale = make_sale()
    keep(clerk, sale, 0, 1)
    order = {"schedule_id": sale.pk, "seat_ids": sale.seats[:1], "buyer": Buyer(), "tender": Tender(method)}
    order |= {
        "agreed": 50_000 if method == "CASH" else 0,
        "actor_id": clerk.pk,
        "idempotency_key": "1",
        "note": "Press",
    }

    with pytest.raises(SeatUnavailable):
        counter.sell(SaleOrder(**order), now=NOW)
    counter.sell(SaleOrder(**order, from_named_holds=True), now=NOW)

    assert outcomes() == [outcome, None]
    assert hall_codes(sale.pk) == f"{code}NAAAA"
    assert broken_invariants() == {}


def test_the_hall_is_told_seat_by_seat(clerk):
    sale, fan = make_sale(), make_fan()
    hold(fan, sale, 0)
    kept = keep(clerk, sale, 1, 2).named_hold
    seats.take_off_sale(seat_ids=[sale.seats[3]])

    held, named, *_rest = seat_details(sale.pk, sale.seats)
    counts = chosen_counts(sale.pk, sale.seats)
    (listed,) = named_holds_of(sale.pk)

    assert hall_codes(sale.pk) == "TNNUAA"
    assert (held.reservation.user, named.named_hold) == (fan, kept)
    assert (counts.total, counts.left, counts.held, counts.off_sale, counts.kept) == (6, 2, 1, 1, 2)
    assert (listed.kept, listed.sold) == (2, 0)
