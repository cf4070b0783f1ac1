"""The library of halls: imported once, used for each date."""

from dataclasses import replace

import pytest

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Conflict, Invalid, NotFound
from concert_site.tests.audited import broken_invariants
from reservations.domain import halls, schedules, seat_setup
from reservations.halls.plans import read_plan
from reservations.halls.tests.planning import ODEON, file, large_plan
from reservations.models import ConcertSeat, HallVersion, VenueHall
from reservations.tests.factories import make_schedule, make_seats, make_venue

pytestmark = pytest.mark.django_db(transaction=True)
PRICES = {"Premium": 90_000, "Standard": 60_000, "Box": 120_000}
# What a seat is besides whose date it belongs to.
COLUMNS = [
    field.name
    for field in ConcertSeat._meta.fields
    if field.name not in {"id", "concert", "concert_schedule", "user", "expired_at", "reserved_at"}
]


def odeon():
    plan = read_plan(ODEON.read_bytes())
    return plan.hall({name: PRICES.get(name, 1) for name in plan.categories})


def prices_of(hall):
    return {kind.name: kind.price for kind in hall.categories}


def seats_of(schedule):
    return list(ConcertSeat.objects.of_schedule(schedule.pk).values(*COLUMNS))


@pytest.fixture
def hall():
    return halls.add_hall(venue_id=make_venue().pk, name="Great hall", hall=odeon(), source="C:/odeon.json")


def test_a_date_out_of_the_library_is_as_if_the_plan_were_imported(hall):
    imported, made = make_schedule(), make_schedule()
    seat_setup.add_seats(schedule_id=imported.pk, hall=odeon())
    plan = hall.plans.get()

    count = halls.use_hall(schedule_id=made.pk, plan_id=plan.pk, prices=prices_of(odeon()))

    made.refresh_from_db()
    imported.refresh_from_db()
    assert (count, plan.seat_count, plan.source) == (11, 11, "odeon.json")
    assert seats_of(made) == seats_of(imported)
    assert (made.layout, made.layout_version, made.hall_version) == (imported.layout, imported.layout_version, plan)
    assert broken_invariants() == {}


def test_seats_off_sale_by_the_plan_are_off_sale(hall):
    plan = odeon()
    seats = [replace(each, is_off_sale=nth < 2) for nth, each in enumerate(plan.seats)]
    version = halls.replace_plan(hall_id=hall.pk, hall=replace(plan, seats=seats), base_version=1)
    schedule = make_schedule()

    halls.use_hall(schedule_id=schedule.pk, plan_id=version.pk, prices=prices_of(plan))

    assert [each["status"] for each in seats_of(schedule)] == ["UNAVAILABLE"] * 2 + ["AVAILABLE"] * 9


@pytest.mark.parametrize("price", [{}, {"Standard": 0}, {"Standard": 10**12 + 1}])
def test_a_category_without_a_price_makes_nothing(hall, price):
    schedule = make_schedule()
    prices = {name: 1 for name in prices_of(odeon()) if name != "Standard"} | price

    with pytest.raises(Invalid, match="Standard"):
        halls.use_hall(schedule_id=schedule.pk, plan_id=hall.plans.get().pk, prices=prices)

    schedule.refresh_from_db()
    assert (schedule.seats.count(), schedule.layout_version, schedule.hall_version) == (0, 1, None)


def test_a_date_with_seats_takes_no_hall(hall):
    schedule = make_schedule()
    make_seats(schedule)

    with pytest.raises(Conflict, match="seats already"):
        halls.use_hall(schedule_id=schedule.pk, plan_id=hall.plans.get().pk, prices=prices_of(odeon()))
    with pytest.raises(NotFound):
        halls.use_hall(schedule_id=make_schedule().pk, plan_id=0, prices={})


def test_a_plan_is_replaced_for_new_dates_and_stays_with_those_that_were_made(hall):
    schedule = make_schedule()
    first = hall.plans.get()
    halls.use_hall(schedule_id=schedule.pk, plan_id=first.pk, prices=prices_of(odeon()))
    before = seats_of(schedule)
    clerk = make_staff()

    second = halls.replace_plan(
        hall_id=hall.pk, hall=read_plan(file(large_plan(40))).hall({"R": 1}), base_version=1, actor_id=clerk.pk
    )

    schedule.refresh_from_db()
    assert (second.version, second.seat_count, second.categories) == (2, 40, [{"name": "R", "seats": 40}])
    assert (schedule.hall_version, seats_of(schedule)) == (first, before)


def test_who_looked_at_an_older_version_does_not_replace_a_newer_one(hall):
    halls.replace_plan(hall_id=hall.pk, hall=odeon(), base_version=1)

    with pytest.raises(Conflict, match="version 2 now"):
        halls.replace_plan(hall_id=hall.pk, hall=odeon(), base_version=1)

    assert hall.plans.count() == 2


def test_a_name_is_given_once_a_venue(hall):
    with pytest.raises(Conflict) as taken:
        halls.add_hall(venue_id=hall.venue_id, name="Great hall", hall=odeon())
    assert taken.value.attr == "name"
    other = halls.add_hall(venue_id=make_venue().pk, name="Great hall")
    small = halls.add_hall(venue_id=hall.venue_id, name="Small hall")
    with pytest.raises(Conflict):
        halls.rename_hall(hall_id=small.pk, name="Great hall")
    halls.rename_hall(hall_id=other.pk, name="Old hall")

    assert sorted(VenueHall.objects.values_list("name", flat=True)) == ["Great hall", "Old hall", "Small hall"]
    assert HallVersion.objects.count() == 1


def test_a_hall_stays_while_dates_are_made_of_it(hall):
    schedule = make_schedule()
    halls.use_hall(schedule_id=schedule.pk, plan_id=hall.plans.get().pk, prices=prices_of(odeon()))
    with pytest.raises(Conflict, match="Dates were made"):
        halls.delete_hall(hall_id=hall.pk)

    seat_setup.remove_seats(schedule_id=schedule.pk)
    halls.delete_hall(hall_id=hall.pk)

    assert not VenueHall.objects.exists()
    assert not HallVersion.objects.exists()


def test_a_copy_is_of_the_same_plan(hall):
    schedule = make_schedule()
    plan = hall.plans.get()
    halls.use_hall(schedule_id=schedule.pk, plan_id=plan.pk, prices=prices_of(odeon()))

    copy = schedules.copy_schedule(schedule_id=schedule.pk, concert_at=schedule.concert_at.replace(year=2099))

    copy.refresh_from_db()
    assert copy.hall_version == plan


def test_the_seats_of_a_date_become_a_hall(hall):
    schedule, made = make_schedule(), make_schedule()
    seat_setup.add_seats(schedule_id=schedule.pk, hall=odeon())

    kept = halls.keep_as_hall(schedule_id=schedule.pk, venue_id=hall.venue_id, name="Kept")
    halls.use_hall(schedule_id=made.pk, plan_id=kept.plans.get().pk, prices=prices_of(odeon()))

    assert seats_of(made) == seats_of(schedule)
    schedule.refresh_from_db()
    assert schedule.hall_version == kept.plans.get()
    with pytest.raises(Conflict, match="no seats"):
        halls.keep_as_hall(schedule_id=make_schedule().pk, venue_id=hall.venue_id, name="Nothing")
