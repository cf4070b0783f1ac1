"""The checkout: what it shows, and that paying twice pays once."""

import pytest
from django.urls import reverse

from concert_site.tests.audited import broken_invariants
from concert_site.tests.away import redis_away
from concert_site.tests.unchanged import nothing_written
from payments.models import Payment
from payments.tests.pages import at_the_screen, let_lapse, notices, text_of
from payments.tests.scenes import buy, pay
from reservations.models import Reservation
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.tests.factories import balance_of, make_fan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


def scene(*nth, balance=200_000, price=50_000, seats=6):
    """A fan with money who holds seats, and the address of the checkout."""
    fan, sale = make_fan(balance=balance), make_sale(seats=seats, price=price)
    booking = hold(fan, sale, *nth)
    return fan, sale, booking, f"/bookings/{booking.reference}/checkout/"


def send(fan, address, *seats, **fields):
    """Press the button of the page that shows these seats, and follow."""
    return at_the_screen(fan).post(address, {"seat": seats, "agree": "yes", **fields}, follow=True)


# --- What it shows -----------------------------------------------------------------------------


def test_it_shows_seats_total_and_what_is_left():
    fan, _sale, _booking, address = scene(0, 1)

    page = text_of(at_the_screen(fan).get(address))

    assert page.count("A, row 1, seat A-1-") >= 2
    for words in ("₩50,000", "₩100,000", "Pay ₩100,000", "₩200,000", "Balance after paying", "data-seconds-left"):
        assert words in page


def test_what_canceling_costs_is_known_before_paying():
    fan, _sale, _booking, address = scene(0, 1)

    page = text_of(at_the_screen(fan).get(address))

    days = {"Wed, May 21": "100,000", "Sat, May 24": "90,000", "Wed, May 28": "80,000", "Fri, May 30": "70,000"}
    for date, refund in days.items():
        assert f"{date}, 2031" in page
        assert f"₩{refund}" in page


def test_without_javascript_the_checkout_reloads_when_its_time_is_over():
    fan, _sale, _booking, address = scene(0)

    assert '<noscript><meta http-equiv="refresh"' in text_of(at_the_screen(fan).get(address))


def test_checkout_page_takes_the_same_queries_for_one_seat_and_for_three(django_assert_num_queries):
    for nth in ((0,), (1, 2, 3)):
        fan, _sale, _booking, address = scene(*nth)
        browser = at_the_screen(fan)
        # The session, the user, the booking, the balance, and what is under way by card.
        with django_assert_num_queries(5):
            assert browser.get(address).status_code == 200


def test_checkout_page_is_not_cached():
    fan, _sale, _booking, address = scene(0)

    assert "no-store" in at_the_screen(fan).get(address)["Cache-Control"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_booking_pages_of_another_fan_are_404(method):
    _fan, _sale, booking, _address = scene(0)
    nobody, stranger = at_the_screen(), at_the_screen(make_fan(balance=100_000))

    for what in ("checkout/", "extend/", "give-up/", "cancel/", "tickets/", ""):
        address = f"/bookings/{booking.reference}/{what}"
        with nothing_written():
            asked = getattr(nobody, method)(address)
            other = getattr(stranger, method)(address, follow=True)

        assert (asked.status_code, asked["Location"]) == (302, f"/accounts/login/?next={address}")
        assert other.status_code == 404


def test_no_such_booking_is_a_page():
    browser = at_the_screen(make_fan())

    for reference in ("NOTHERE", "x" * 37, "a%00b", "..", "é", "'"):
        assert browser.get(f"/bookings/{reference}/checkout/").status_code == 404


# --- Paying ------------------------------------------------------------------------------------


def test_paying_leads_to_the_booking():
    fan, sale, booking, address = scene(0, 1)

    response = send(fan, address, *in_order(booking))

    assert response.redirect_chain == [(f"/bookings/{booking.reference}/", 302)]
    assert "You’re going!" in text_of(response)
    assert (balance_of(fan), statuses(sale)) == (100_000, "RRAAAA")
    assert broken_invariants() == {}


def test_paying_goes_on_while_redis_is_away(settings):
    settings.THROTTLE = True
    fan, sale, booking, address = scene(0)
    browser = at_the_screen(fan)

    with redis_away():
        read, sent = (
            browser.get(address),
            browser.post(address, {"seat": in_order(booking), "agree": "yes"}, follow=True),
        )

    assert (read.status_code, sent.status_code) == (200, 200)
    assert statuses(sale)[0] == "R"


def test_paying_again_pays_nothing_and_lands_in_the_same_place():
    fan, _sale, booking, address = scene(0)
    first = send(fan, address, *in_order(booking))

    again = send(fan, address, *in_order(booking))

    assert again.redirect_chain == first.redirect_chain
    assert (Payment.objects.count(), balance_of(fan), notices(again)) == (1, 150_000, [])


def test_a_read_after_paying_leads_to_the_booking():
    fan, _sale, booking, address = scene(0)
    send(fan, address)

    assert at_the_screen(fan).get(address)["Location"] == f"/bookings/{booking.reference}/"


def test_too_little_money_stays_and_names_what_is_missing():
    fan, _sale, booking, address = scene(0, balance=20_500)

    with nothing_written():
        response = send(fan, address, *in_order(booking))

    page = text_of(response)
    assert notices(response) == ["Nothing was paid: there isn’t enough in your wallet."]
    assert "Pay ₩29,500 by card" in page
    assert "₩20,500 from the wallet, ₩29,500 by card." in page
    assert "from the wallet</button>" not in page


def test_what_another_tab_gave_up_is_not_paid_without_asking():
    fan, sale, booking, address = scene(0, 1)
    first, _second = in_order(booking)
    at_the_screen(fan).post(f"/reservations/{first}/cancel/", {f"fee-{first}": "0"})

    response = send(fan, address, *in_order(booking))

    assert (balance_of(fan), statuses(sale)) == (200_000, "ATAAAA")
    assert notices(response)[-1].startswith("Nothing was paid")
    assert "Pay ₩50,000" in text_of(response)


def test_a_booking_that_is_partly_paid_asks_for_the_rest():
    fan, _sale, booking, address = scene(0, 1, 2)
    pay(fan, in_order(booking)[0])

    page = text_of(at_the_screen(fan).get(address))
    send(fan, address)

    assert "1 seat of this booking is paid already." in page
    assert "Pay ₩100,000" in page
    assert balance_of(fan) == 50_000


@pytest.mark.parametrize("seat", ["x", "9" * 30])
def test_checkout_ignores_malformed_seat_ids(seat):
    fan, _sale, _booking, address = scene(0)

    assert send(fan, address, seat).status_code == 200
    assert balance_of(fan) == 150_000


def test_someone_elses_seat_is_not_paid():
    fan, sale, booking, address = scene(0)
    theirs = hold(make_fan(balance=50_000), sale, 1)

    send(fan, address, *in_order(booking), *in_order(theirs))

    assert statuses(sale) == "RTAAAA"


# --- Time that is over -------------------------------------------------------------------------


def test_a_hold_that_is_over_says_so_and_leads_back_to_the_seats():
    fan, sale, booking, address = scene(0)
    let_lapse(booking)

    with nothing_written():
        read, sent = at_the_screen(fan).get(address), send(fan, address, *in_order(booking))

    for response in (read, sent):
        assert "Your time is up" in text_of(response)
        assert f'href="/schedules/{sale.pk}/seats/"' in text_of(response)


def test_checkout_extends_the_hold_once():
    fan, _sale, booking, _address = scene(0, 1)
    (before,) = set(Reservation.objects.values_list("expired_at", flat=True))

    pages = [at_the_screen(fan).post(f"/bookings/{booking.reference}/extend/", follow=True) for _ in range(2)]

    (after,) = set(Reservation.objects.values_list("expired_at", flat=True))
    assert (after - before).total_seconds() == 300
    assert [notices(page) for page in pages] == [["You have more time to pay."], []]
    assert all("You’ve already had more time." in text_of(page) for page in pages)


def test_a_lapsed_booking_is_not_extended():
    fan, _sale, booking, _address = scene(0)
    let_lapse(booking)

    response = at_the_screen(fan).post(f"/bookings/{booking.reference}/extend/", follow=True)

    assert "Your time is up" in text_of(response)


# --- Giving up ---------------------------------------------------------------------------------


def test_giving_up_frees_all_seats_and_again_changes_nothing():
    fan, sale, booking, _address = scene(0, 1)
    address = f"/bookings/{booking.reference}/give-up/"

    pages = [at_the_screen(fan).post(address, follow=True) for _ in range(2)]

    assert statuses(sale) == "AAAAAA"
    assert [notices(page) for page in pages] == [["You released 2 seats."], []]
    assert all(page.redirect_chain == [(f"/bookings/{booking.reference}/", 302)] for page in pages)
    assert broken_invariants() == {}


@pytest.mark.parametrize(("what", "leads_to"), [("extend/", "checkout/"), ("give-up/", "")])
def test_reading_the_address_of_a_form_changes_nothing(what, leads_to):
    fan, _sale, booking, _address = scene(0)

    with nothing_written():
        response = at_the_screen(fan).get(f"/bookings/{booking.reference}/{what}")

    assert response["Location"] == f"/bookings/{booking.reference}/{leads_to}"


def test_the_page_of_a_concert_leads_to_the_tickets_that_one_has(client):
    sale, fan = make_sale(), make_fan(balance=50_000)
    (payment,) = buy(fan, sale, 0, now=None)
    client.force_login(fan)

    page = text_of(client.get(reverse("concert", args=[sale.schedule.concert_id])))

    assert "You have 1 ticket." in page
    assert f'href="{reverse("booking", args=[payment.reservation.booking_reference])}"' in page
