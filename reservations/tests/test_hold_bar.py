"""The bar of what is held: on every page of its fan, and on nobody else's."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from payments.tests.pages import let_lapse, text_of
from reservations.queries.held_now import held_now
from reservations.tests.browsers import browser_of
from reservations.tests.factories import make_fan
from reservations.tests.scenes import hold, make_sale

pytestmark = pytest.mark.django_db
COUNTDOWN = re.compile(r'class="countdown"')


def queries_of(browser, path):
    browser.get(path)
    clear_caches()
    with CaptureQueriesContext(connection) as queries:
        page = browser.get(path)
    return page, [each["sql"] or "" for each in queries]


def test_every_page_shows_what_is_held_with_one_clock_and_one_way_to_pay():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, 1, now=None)
    browser = browser_of(fan)

    for path in ("/", f"/concerts/{sale.schedule.concert_id}/", "/bookings/", f"/bookings/{booking.reference}/"):
        page = text_of(browser.get(path))

        assert "2 seats held" in page, path
        assert f'<a class="button" href="/bookings/{booking.reference}/checkout/">Pay ₩100,000 now</a>' in page, path
        assert len(COUNTDOWN.findall(page)) == 1, path


def test_the_checkout_has_its_own_clock_and_no_bar():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, now=None)

    page = text_of(browser_of(fan).get(f"/bookings/{booking.reference}/checkout/"))

    assert 'id="hold-bar"' not in page
    assert len(COUNTDOWN.findall(page)) == 1


def test_of_several_bookings_it_shows_the_one_whose_time_is_over_first():
    fan, first, second = make_fan(), make_sale(), make_sale()
    later = hold(fan, second, 0, now=None)
    sooner = hold(fan, first, 0, now=now() - timedelta(minutes=2))

    found = held_now(user_id=fan.pk)

    assert (found.first.reference, found.others) == (sooner.reference, 1)
    page = text_of(browser_of(fan).get(f"/bookings/{later.reference}/"))
    assert len(COUNTDOWN.findall(page)) == 1
    assert f'href="/bookings/{later.reference}/checkout/"' in page


def test_nothing_is_shown_to_others_nor_of_a_hold_that_is_over():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, now=None)

    assert "hold-bar" not in text_of(browser_of(make_fan()).get("/"))
    assert "hold-bar" not in text_of(browser_of().get("/"))
    let_lapse(booking)
    assert "hold-bar" not in text_of(browser_of(fan).get("/"))


def test_it_costs_a_fan_one_query_and_a_reader_without_a_session_none():
    hold(make_fan(), make_sale(), 0, now=None)

    _page, mine = queries_of(browser_of(make_fan()), "/")
    _page, nobodys = queries_of(browser_of(), "/")

    assert len([sql for sql in mine if 'FROM "reservation"' in sql]) == 1
    assert not [sql for sql in nobodys if 'FROM "reservation"' in sql]


def test_a_tab_that_was_away_asks_for_the_bar_alone():
    fan, sale = make_fan(), make_sale()
    hold(fan, sale, 0, now=None)

    assert "1 seat held" in text_of(browser_of(fan).get("/bookings/held/bar/"))
    assert browser_of(make_fan()).get("/bookings/held/bar/").content.strip() == b""
    assert browser_of().get("/bookings/held/bar/").status_code == 401
