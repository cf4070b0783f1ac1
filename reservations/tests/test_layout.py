"""The map of a schedule: once built, for all."""

import json

import pytest

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.tests.away import redis_away
from reservations.models import ConcertSchedule
from reservations.queries.sales import sale_of
from reservations.queries.seat_map import layout_of
from reservations.tests.factories import LAYOUT, make_schedule, make_seats

pytestmark = pytest.mark.django_db


def test_layout_shows_what_a_sale_does_not_change():
    schedule = make_schedule()
    first, second = make_seats(schedule, 2, accessible=True, x=1.5)

    body = json.loads(layout_of(sale_of(schedule.pk)))

    assert (body["layout_version"], body["layout"]) == (1, LAYOUT)
    assert [seat["id"] for seat in body["seats"]] == [first.pk, second.pk]
    assert body["seats"][0] == {
        "id": first.pk,
        "section": "A",
        "row": "1",
        "seat_number": 1,
        "seat_label": "A-1-1",
        "seat_price": 50_000,
        "category": "R",
        "x": 1.5,
        "y": 20.0,
        "accessible": True,
    }


def test_schedule_without_seats_has_an_empty_map():
    assert json.loads(layout_of(sale_of(make_schedule().pk)))["seats"] == []


def test_layout_is_built_once_for_all_processes(django_assert_num_queries):
    sale = sale_of(make_schedule().pk)

    with django_assert_num_queries(1):
        built = layout_of(sale)
        clear_caches()
        found = layout_of(sale)

    assert found == built


def test_layout_goes_on_without_redis(django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 2)
    sale = sale_of(schedule.pk)

    with redis_away(), django_assert_num_queries(1):
        assert len(json.loads(layout_of(sale))["seats"]) == 2
        assert layout_of(sale)


def test_a_new_version_has_a_new_name_and_is_built_anew():
    schedule = make_schedule()
    old = sale_of(schedule.pk)
    layout_of(old)
    make_seats(schedule)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(layout_version=2)
    clear_caches()

    new = sale_of(schedule.pk)

    assert new.layout_name != old.layout_name
    assert json.loads(layout_of(new))["layout_version"] == 2


def test_a_layout_that_changed_meanwhile_is_not_kept_under_the_old_name():
    schedule = make_schedule()
    old = sale_of(schedule.pk)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(layout_version=2)

    assert json.loads(layout_of(old))["layout_version"] == 2
    assert client().get(f"layout:{old.layout_name}") is None


def test_layouts_of_two_schedules_never_share_a_name():
    assert sale_of(make_schedule().pk).layout_name != sale_of(make_schedule().pk).layout_name
