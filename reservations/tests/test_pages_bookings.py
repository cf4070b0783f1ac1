"""My bookings, one booking, and its tickets."""

import base64
import re
from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now

from concert_site.tests.unchanged import nothing_written
from payments.domain import refunds
from payments.tests.pages import at_the_screen, let_lapse, notices, text_of
from payments.tests.scenes import make_fan, pay
from reservations.models import Reservation
from reservations.tests.scenes import hold, in_order, make_sale

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_limits(settings):
    settings.THROTTLE = False


def bought(*nth, fan=None, sale=None):
    """A paid booking, and its fan."""
    fan = fan or make_fan(balance=200_000)
    booking = hold(fan, sale or make_sale(), *nth)
    pay(fan, *in_order(booking))
    return fan, booking


# --- The list ----------------------------------------------------------------------------------


def test_without_bookings_it_says_where_to_go():
    page = text_of(at_the_screen(make_fan()).get("/bookings/"))

    assert "No upcoming bookings" in page
    assert 'href="/"' in page


def test_any_tab_and_page_is_a_page():
    browser = at_the_screen(make_fan())

    for show, page in [("past", "1"), ("canceled", "x"), ("nonsense", "-1"), ("", "99999999999"), ("é", "")]:
        assert browser.get("/bookings/", {"show": show, "page": page}).status_code == 200, show


def test_what_is_held_comes_first_with_the_amount_and_the_time():
    fan, sale = make_fan(balance=200_000), make_sale()
    held = hold(fan, sale, 0, 1)
    bought(2, fan=fan, sale=sale)

    response = at_the_screen(fan).get("/bookings/")

    assert response.context["bookings"][0].reference == held.reference
    assert "Pay ₩100,000 now" in text_of(response)
    assert "data-seconds-left" in text_of(response)
    assert "Show the ticket" in text_of(response)


def test_bookings_list_is_paginated():
    fan, sale = make_fan(balance=900_000), make_sale(seats=12, tickets_per_fan=20)
    for nth in range(12):
        bought(nth, fan=fan, sale=sale)

    pages = [at_the_screen(fan).get("/bookings/", {"page": number}) for number in (1, 2)]

    references = [[each.reference for each in page.context["bookings"]] for page in pages]
    assert [len(page) for page in references] == [10, 2]
    assert len({*references[0], *references[1]}) == 12


def test_the_list_takes_the_same_queries_for_one_booking_and_for_three(django_assert_num_queries):
    for count in (1, 3):
        fan, sale = make_fan(balance=200_000), make_sale()
        for nth in range(count):
            bought(nth, fan=fan, sale=sale)
        browser = at_the_screen(fan)
        with django_assert_num_queries(6):  # the session, the user, how many, which, their seats, and what is held
            assert len(browser.get("/bookings/").context["bookings"]) == count


def test_the_list_is_the_fans_alone():
    _fan, booking = bought(0)

    assert at_the_screen().get("/bookings/")["Location"] == "/accounts/login/?next=/bookings/"
    assert booking.reference not in text_of(at_the_screen(make_fan()).get("/bookings/"))


# --- One booking -------------------------------------------------------------------------------


def test_a_paid_booking_says_so_and_what_comes_back_today():
    fan, booking = bought(0)
    (pk,) = in_order(booking)

    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/"))

    assert "You’re going!" in page
    assert "Cancel, ₩50,000 back today" in page
    assert f'href="/reservations/{pk}/ticket/"' in page
    assert booking.reference in page


def test_a_reference_is_understood_in_small_letters():
    fan, booking = bought(0)

    assert at_the_screen(fan).get(f"/bookings/{booking.reference.lower()}/").status_code == 200


def test_each_seat_shows_what_became_of_it():
    fan, sale = make_fan(balance=200_000), make_sale()
    booking = hold(fan, sale, 0, 1, 2)
    _held, paid, refunded = in_order(booking)
    pay(fan, paid, refunded)
    refunds.cancel(user_id=fan.pk, reservation_id=refunded)

    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/"))

    for words in (">Held<", ">Paid<", ">Refunded<", "₩50,000 refunded", "Pay ₩50,000 now"):
        assert words in page


def test_what_lapsed_says_so_and_leads_back_to_the_seats():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0)
    let_lapse(booking)

    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/"))

    assert "Nothing was paid for them." in page
    assert f'href="/schedules/{sale.pk}/seats/"' in page


def test_on_the_day_nothing_can_be_canceled():
    fan = make_fan(balance=50_000)
    sale = make_sale(concert_at=now() + timedelta(hours=1), concert_date=localdate())
    booking = hold(fan, sale, 0, now=None)
    pay(fan, *in_order(booking), now=None)

    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/"))

    assert "Can’t be canceled any more" in page
    assert "/cancel/" not in page


def test_a_booking_takes_the_same_queries_for_one_seat_and_for_three(django_assert_num_queries):
    for nth in ((0,), (1, 2, 3)):
        fan, booking = bought(*nth)
        browser = at_the_screen(fan)
        with django_assert_num_queries(4):  # the session, the user, the booking, and what is held
            browser.get(f"/bookings/{booking.reference}/")


# --- Tickets -----------------------------------------------------------------------------------


def test_a_ticket_shows_its_code_and_where_to_sit():
    fan, booking = bought(0)
    (pk,) = in_order(booking)

    page = text_of(at_the_screen(fan).get(f"/reservations/{pk}/ticket/"))

    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(picture).startswith(b"<svg")
    for words in ("A-1-1", booking.reference, "May 31, 2031", "7:00"):
        assert words in page


def test_markup_in_a_name_stays_text():
    fan, booking = bought(0)
    Reservation.objects.update(concert_name="<script>x</script>\"'&")
    (pk,) = in_order(booking)

    for address in (f"/reservations/{pk}/ticket/", f"/bookings/{booking.reference}/", "/bookings/", "/wallet/"):
        assert "<script>x" not in text_of(at_the_screen(fan).get(address))


def test_all_tickets_of_a_booking_and_no_others():
    fan, sale = make_fan(balance=200_000), make_sale()
    booking = hold(fan, sale, 0, 1, 2)
    first, second, _held = in_order(booking)
    pay(fan, first, second)

    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/tickets/"))

    assert page.count("data:image/svg+xml") == 2
    assert "1 / 2" in page


def test_a_held_seat_has_no_ticket_yet():
    fan = make_fan()
    booking = hold(fan, make_sale(), 0)
    (pk,) = in_order(booking)

    for address in (f"/reservations/{pk}/ticket/", f"/bookings/{booking.reference}/tickets/"):
        response = at_the_screen(fan).get(address, follow=True)
        assert response.redirect_chain == [(f"/bookings/{booking.reference}/checkout/", 302)]
        assert notices(response) == ["There is no ticket yet. Please pay first."]


def test_a_refunded_seat_has_no_ticket_any_more():
    fan, booking = bought(0)
    (pk,) = in_order(booking)
    refunds.cancel(user_id=fan.pk, reservation_id=pk)

    response = at_the_screen(fan).get(f"/reservations/{pk}/ticket/", follow=True)

    assert response.redirect_chain == [(f"/bookings/{booking.reference}/", 302)]
    assert notices(response) == ["This seat was canceled, so it has no ticket."]


def test_a_ticket_is_the_fans_alone():
    _fan, booking = bought(0)
    address = f"/reservations/{in_order(booking)[0]}/ticket/"
    stranger = at_the_screen(make_fan())

    with nothing_written():
        assert at_the_screen().get(address)["Location"] == f"/accounts/login/?next={address}"
        assert stranger.get(address).status_code == 404
        assert "no-store" in at_the_screen(_fan).get(address)["Cache-Control"]


@pytest.mark.parametrize("pk", ["0", "999999999999999999", "x", "-1", "9" * 19])
def test_unknown_ticket_is_a_404_page(pk):
    assert at_the_screen(make_fan()).get(f"/reservations/{pk}/ticket/").status_code == 404


def test_tickets_take_the_same_queries_for_one_seat_and_for_three(django_assert_num_queries):
    for nth in ((0,), (1, 2, 3)):
        fan, booking = bought(*nth)
        browser = at_the_screen(fan)
        with django_assert_num_queries(4):  # the session, the user, the booking, and what is held
            browser.get(f"/bookings/{booking.reference}/tickets/")


def test_what_is_shared_of_a_booking_is_the_concert():
    fan, booking = bought(0)
    page = text_of(at_the_screen(fan).get(f"/bookings/{booking.reference}/"))

    (address,) = re.findall(r'class="quiet share"[^>]* data-address="([^"]+)"', page)
    assert address == f"http://testserver/concerts/{concert_of(booking)}/"


def concert_of(booking):
    """The id of the concert that was booked."""
    return Reservation.objects.filter(booking_reference=booking.reference).first().concert_id
