"""The page of a long tour: a month at a time, a day's cards, and the same without JavaScript."""

import re
from datetime import datetime, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate, make_aware, now

from concert_site.lib.cache import clear_caches
from reservations.queries.concerts import public_concert
from reservations.queries.fan_schedules import FanSchedule
from reservations.tests.factories import make_concert, make_schedule, make_seats, reserve
from reservations.views.tour_calendar import MOST_CARDS, TourDay, tour_calendar

pytestmark = pytest.mark.django_db

DAY = re.compile(r'<a href="\?date=([\d-]+)#dates"( aria-current="date")?>(.*?)</a>')


def page_of(concert, fan=None, **query):
    clear_caches()
    client = Client()
    if fan is not None:
        client.force_login(fan)
    return " ".join(client.get(reverse("concert", args=[concert.pk]), query).content.decode().split())


def first_of_next_month():
    return (localdate(now()).replace(day=1) + timedelta(days=64)).replace(day=1)


def make_tour(days, per_day=1):
    """A concert that is played on so many days from the first of a month that is to come."""
    concert = make_concert(name="Tour")
    for number in range(days * per_day):
        day = first_of_next_month() + timedelta(days=number // per_day)
        at = make_aware(datetime.combine(day, time(14 + 5 * (number % per_day))))
        make_schedule(concert, concert_at=at)
    return concert


def test_few_dates_have_a_card_each_and_no_calendar():
    concert = make_tour(MOST_CARDS)

    page = page_of(concert)

    assert page.count("<article") == MOST_CARDS
    assert "tour-day" not in page


def test_a_tour_is_a_month_whose_days_lead_to_their_cards():
    concert = make_tour(60)
    first = first_of_next_month()

    page = page_of(concert)

    days = DAY.findall(page)
    assert [day for day, _, _ in days] == [(first + timedelta(days=number)).isoformat() for number in range(len(days))]
    assert [day for day, chosen, _ in days if chosen] == [first.isoformat()]
    assert page.count("<article") == 1
    assert "<caption>" in page
    assert page.count('<th scope="col">') == 7
    # Another month is one link away, and has its day chosen.
    later = (first + timedelta(days=40)).replace(day=1)
    assert f'<a class="chip" href="?date={later.isoformat()}#dates">' in page
    moved = page_of(concert, date=later.isoformat())
    assert [day for day, chosen, _ in DAY.findall(moved) if chosen] == [later.isoformat()]


def test_a_day_says_how_its_dates_stand_and_what_can_be_had_is_chosen():
    concert = make_tour(4, per_day=2)
    first, second, *_ = sorted(set(concert.schedules.values_list("concert_date", flat=True)))
    for schedule in concert.schedules.all():
        seats = make_seats(schedule)
        if schedule.concert_date == second:
            reserve(*seats)
    concert.schedules.filter(concert_date=first).update(reservation_available_at=now() + timedelta(days=1))

    page = page_of(concert)

    days = DAY.findall(page)
    assert [state for _, _, inside in days for state in ("Soon", "Sold out", "On sale") if state in inside] == [
        "Soon",
        "Sold out",
        "On sale",
        "On sale",
    ]
    assert [bool(chosen) for _, chosen, _ in days] == [False, False, True, False]
    assert page.count("<article") == 2


def test_a_day_of_which_the_fan_has_seats_says_so():
    concert = make_tour(2)
    clear_caches()
    schedules = public_concert(concert.pk).schedules
    part = FanSchedule(schedules[1].id, *[False] * 3, held=0, held_reference=None, tickets=2, tickets_reference="A")

    found = tour_calendar(schedules, {schedules[1].id: part}, schedules[0].concert_date)

    days = [day for week in found.weeks for day in week if isinstance(day, TourDay)]
    assert [day.is_own for day in days] == [False, True]


@pytest.mark.parametrize("wanted", ["", "tomorrow", "2026-02-30", "1999-01-01", "2031-13-01", "0000-00-00"])
def test_a_day_that_makes_no_sense_is_the_first_to_be_had(wanted):
    concert = make_tour(8)

    days = DAY.findall(page_of(concert, date=wanted))

    assert [day for day, chosen, _ in days if chosen] == [first_of_next_month().isoformat()]


def test_who_logs_in_comes_back_to_the_day():
    concert = make_tour(8)
    for schedule in concert.schedules.all():
        make_seats(schedule)
    day = first_of_next_month() + timedelta(days=3)

    assert f"%3Fdate%3D{day.isoformat()}%23date-" in page_of(concert, date=day.isoformat())


def test_a_tour_costs_the_same_whatever_its_length(django_assert_num_queries):
    for days in (8, 40):
        concert = make_tour(days)
        clear_caches()
        # The concert, its schedules, prices and seats left, the colours of the day that is shown; two of the footer.
        with django_assert_num_queries(6):
            Client().get(reverse("concert", args=[concert.pk]))
