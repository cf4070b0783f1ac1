"""Best available on the page: one tap holds, and a choice that was not held is answered with another."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from reservations.models import ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import hall_of, make_hall_sale
from reservations.tests.scenes import hold
from reservations.tests.test_pages_seats import address, choose, inside, key_on
from reservations.tests.test_pages_waiting import browser_of, room, text_of

pytestmark = pytest.mark.django_db


def ask(browser, sale, *, key=None, **fields):
    key = key or key_on(browser.get(address(sale)))
    return browser.post(f"{address(sale)}best/", {"key": key, "quantity": "2", **fields})


def held(sale):
    return [sale.seats.index(seat) for seat in Reservation.objects.values_list("concert_seat_id", flat=True)]


def asked(response, name):
    """The ids that an address names."""
    return [int(seat) for seat in parse_qs(urlsplit(response["Location"]).query).get(name, [""])[0].split(",") if seat]


def form_of(page, text):
    """The fields of the form whose button reads so."""
    (form,) = [form for form in re.findall(r"<form.*?</form>", page.content.decode(), re.DOTALL) if text in form]
    return re.findall(r'name="seats" value="(\d+)"', form)


def test_one_tap_on_a_grade_holds_and_goes_on_to_pay():
    sale = make_hall_sale(hall_of("RRRR", "SSSS"))
    browser = inside(sale)
    page = text_of(browser.get(address(sale)))

    response = ask(browser, sale, category="S")

    assert "<h2>Best available</h2>" in page
    assert 'value="4"' in page
    assert 'name="accessible"' not in page
    assert response["Location"] == f"/bookings/{Reservation.objects.first().booking_reference}/checkout/"
    assert held(sale) == [6, 7]


def test_sent_twice_it_holds_once():
    sale = make_hall_sale(hall_of("RRRRRRRR"))
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))

    assert ask(browser, sale, key=key)["Location"] == ask(browser, sale, key=key)["Location"]
    assert len(held(sale)) == 2


def test_a_section_and_a_wheelchair_place_can_be_asked_for():
    sale = make_hall_sale(hall_of("RRRR", "wRRR", sections="AB"))
    browser = inside(sale)
    assert 'name="accessible"' in text_of(browser.get(address(sale)))
    assert 'name="section" value="B"' in text_of(browser.get(address(sale, "?section=B")))

    ask(browser, sale, section="B", accessible="yes")

    assert held(sale) == [4, 5]


def test_what_can_not_be_had_together_is_said_on_the_page():
    sale = make_hall_sale(hall_of("RRR"))
    ConcertSeat.objects.filter(pk=sale.seats[1]).update(status="UNAVAILABLE")
    browser = inside(sale)

    response = ask(browser, sale)

    assert response["Location"] == address(sale)
    assert "The most that can be had is 1 seat." in text_of(browser.get(address(sale)))
    assert ask(browser, sale, quantity="x")["Location"] == address(sale)
    assert not Reservation.objects.exists()


def test_who_is_not_inside_is_led_to_the_waiting_room_and_a_read_to_the_seats():
    sale = make_hall_sale(hall_of("RRRR"))
    browser = browser_of(make_fan())

    assert browser.post(f"{address(sale)}best/", {"quantity": "2"})["Location"] == room(sale)
    assert browser.get(f"{address(sale)}best/")["Location"] == address(sale)


def test_a_choice_takes_as_many_queries_as_without_advice(settings):
    sale = make_hall_sale(seats=40)

    def queries():
        browser = inside(sale)
        key = key_on(browser.get(address(sale)))
        with CaptureQueriesContext(connection) as asked:
            assert choose(browser, sale, 0, key=key)["Location"].endswith("/checkout/")
        return len(asked)

    settings.SINGLE_SEATS = "off"
    plain = queries()
    sale = make_hall_sale(seats=40)
    settings.SINGLE_SEATS = "advise"
    assert queries() == plain


# --- A seat left alone ----------------------------------------------------------------------------


def test_a_choice_that_leaves_a_seat_alone_is_told_and_either_button_goes_on():
    sale = make_hall_sale(hall_of("RRRRRR"))
    browser = inside(sale)

    told = choose(browser, sale, 1, 2)

    assert not Reservation.objects.exists()
    assert (asked(told, "keep"), asked(told, "lonely")) == ([sale.seats[1], sale.seats[2]], [sale.seats[0]])
    page = browser.get(told["Location"])
    assert '<h2 id="advice-title">A seat would be left alone</h2>' in text_of(page)
    over, kept = form_of(page, "Move over:"), form_of(page, "Keep my choice")
    assert kept == [str(sale.seats[1]), str(sale.seats[2])]
    response = browser.post(address(sale), {"key": key_on(page), "seats": over, "lonely": "ok"})
    assert response["Location"].endswith("/checkout/")
    assert sorted(held(sale)) in ([0, 1], [2, 3])


def test_a_fan_who_keeps_the_chosen_seats_holds_them():
    sale = make_hall_sale(hall_of("RRRRRR"))

    assert choose(inside(sale), sale, 1, 2, lonely="ok")["Location"].endswith("/checkout/")


def test_where_the_house_demands_it_nobody_goes_on(settings):
    settings.SINGLE_SEATS = "demand"
    sale = make_hall_sale(hall_of("RRRRRR"))
    browser = inside(sale)

    told = choose(browser, sale, 1, 2, lonely="ok")

    page = text_of(browser.get(told["Location"]))
    assert "Keep my choice" not in page
    assert "This organiser sells no choice that leaves a single seat alone." in page
    assert not Reservation.objects.exists()


# --- A seat that is gone --------------------------------------------------------------------------


def test_the_nearest_equal_seats_are_offered_with_what_is_kept():
    sale = make_hall_sale(hall_of("RRRRRR"))
    browser = inside(sale)
    hold(make_fan(), sale, 3, now=now())

    response = choose(browser, sale, 2, 3)

    assert asked(response, "instead") == [sale.seats[2], sale.seats[1]]
    page = browser.get(response["Location"])
    assert "The nearest at the same price" in text_of(page)
    browser.post(address(sale), {"key": key_on(page), "seats": form_of(page, "Take these:"), "lonely": "ok"})
    assert sorted(held(sale)) == [1, 2, 3]


def test_they_are_held_at_once_if_the_fan_ticked_so():
    sale = make_hall_sale(hall_of("RRRRRR"))
    browser = inside(sale)
    hold(make_fan(), sale, 3, now=now())

    response = choose(browser, sale, 2, 3, on_conflict="best_available")

    assert response["Location"].endswith("/checkout/")
    page = text_of(browser.get(response["Location"]))
    assert "had just been taken. You hold" in page
    assert sorted(held(sale)) == [1, 2, 3]
