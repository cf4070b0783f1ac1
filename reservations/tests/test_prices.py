"""One price table for many dates: what is free changes, what is held or sold stays, and nobody writes over another."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from concert_site.lib.errors import Conflict, Invalid
from concert_site.tests.audited import broken_invariants
from reservations.domain import prices, seats
from reservations.halls.hall import Category
from reservations.models import ConcertSeat
from reservations.queries import prices as read
from reservations.tests.factories import hold, make_concert, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dates():
    """Two dates of a concert: five seats of R, two of S; of the first one seat is held, one sold, one off sale."""
    concert = make_concert()
    found = [make_schedule(concert), make_schedule(concert)]
    for date in found:
        make_seats(date, 5, 50_000)
        make_seats(date, 2, 30_000, category="S")
    return found


def change(dates, new, seconds=60.0):
    for date in dates:
        date.refresh_from_db()
    return prices.change_prices(versions={date.pk: date.layout_version for date in dates}, prices=new, seconds=seconds)


def costs(date, category="R"):
    return sorted(date.seats.filter(category=category).values_list("seat_price", flat=True))


def test_free_seats_of_all_dates_change_and_others_stay(dates):
    held, sold, off, *_free = dates[0].seats.filter(category="R").order_by("pk")
    hold(held)
    reserve(sold)
    seats.take_off_sale(seat_ids=[off.pk])
    before = [date.layout_version for date in dates]

    done = change(dates, {"R": 60_000})

    assert done.changed == {dates[0].pk: 3, dates[1].pk: 5}
    assert costs(dates[0]) == [50_000, 50_000, 60_000, 60_000, 60_000]
    assert costs(dates[1]) == [60_000] * 5
    assert costs(dates[1], "S") == [30_000] * 2
    for date, version in zip(dates, before, strict=True):
        date.refresh_from_db()
        assert date.layout_version == version + 1


def test_the_numbers_shown_before_are_those_that_change(dates):
    held, sold, lapsed, *_free = dates[0].seats.filter(category="R").order_by("pk")
    hold(held)
    reserve(sold)
    hold(lapsed, until=now() - timedelta(minutes=1))
    groups = read.groups_of([date.pk for date in dates])

    (shown,) = read.changes_of(groups, {"R": 60_000})

    assert shown == read.PriceChange("R", 60_000, changed=8, same=0, held=1, sold=1)
    assert read.categories_across_dates(groups) == [
        read.CategoryAcrossDates("R", 50_000, 50_000, 10),
        read.CategoryAcrossDates("S", 30_000, 30_000, 4),
    ]
    assert read.changes_of(groups, {"S": 30_000}) == [read.PriceChange("S", 30_000, same=4)]


def test_a_date_that_was_changed_since_it_was_looked_at_stops_all(dates):
    versions = {date.pk: date.layout_version for date in dates}
    one = dates[1].seats.first()
    seats.change_category(schedule_id=dates[1].pk, seat_ids=[one.pk], category=Category("R", "#000000", 99))

    with pytest.raises(Conflict, match="since you looked"):
        prices.change_prices(versions=versions, prices={"R": 60_000}, seconds=60)

    assert not ConcertSeat.objects.filter(seat_price=60_000).exists()


def test_dates_are_done_one_after_the_other_until_the_time_is_over(dates):
    first = change(dates, {"R": 60_000}, seconds=0)
    assert (first.changed, first.left) == ({dates[0].pk: 5}, [dates[1].pk])

    second = change([dates[1]], {"R": 60_000}, seconds=0)

    assert (second.changed, second.left) == ({dates[1].pk: 5}, [])
    assert change(dates, {"R": 60_000}).changed == {dates[0].pk: 0, dates[1].pk: 0}


@pytest.mark.parametrize(("new", "attr"), [({}, "prices"), ({"R": 0}, "prices"), ({"R": 10**12 + 1}, "prices")])
def test_prices_that_make_no_sense_are_refused(dates, new, attr):
    with pytest.raises(Invalid) as refused:
        change(dates, new)
    assert refused.value.attr == attr
    with pytest.raises(Invalid, match="Choose a date"):
        change([], {"R": 1})


def test_the_audit_is_fine_with_prices_that_changed_under_real_bookings(dates):
    change(dates, {"R": 60_000, "S": 31_000})

    assert broken_invariants() == {}
