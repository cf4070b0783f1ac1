"""The pages of choosing seats: for nobody, for another fan, and for the fan. All of it without JavaScript."""

import gzip
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.test import Client
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from concert_site.tests.away import redis_away
from concert_site.tests.unchanged import nothing_changed
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.counting import queries_of
from reservations.tests.factories import LAYOUT, make_fan, make_seats, reserve
from reservations.tests.factories import hold as taken_by_another
from reservations.tests.scenes import let_in, make_sale
from reservations.tests.test_pages_waiting import browser_of, room, text_of
from reservations.views.holding import cooldown_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def sale():
    return make_sale(tickets_per_fan=4)


def inside(sale, *, fan=None, entered=True):
    """The browser of a fan who is inside."""
    fan = fan or make_fan()
    let_in(fan, sale, entered=entered, now=now())
    return browser_of(fan)


def address(sale, query=""):
    return f"/schedules/{sale.pk}/seats/{query}"


def key_on(page):
    return re.search(r'name="key" value="([0-9a-f]{32})"', page.content.decode())[1]


def choose(browser, sale, *nth, key=None, **fields):
    """Send the form with the nth seats ticked."""
    key = key or key_on(browser.get(address(sale)))
    return browser.post(address(sale), {"key": key, "seats": [sale.seats[each] for each in nth], **fields})


def held_seats():
    return sorted(Reservation.objects.filter(status="RESERVING").values_list("concert_seat_id", flat=True))


# --- Coming in ---------------------------------------------------------------------------------


def test_opening_the_page_comes_in_and_gives_the_full_time(sale):
    browser = inside(sale, entered=False)

    page = browser.get(address(sale))

    token = WaitingToken.objects.get()
    assert token.entered_at is not None
    assert timedelta(seconds=590) < token.expired_at - now() <= timedelta(seconds=600)
    assert re.search(r'data-seconds-left="(59\d|600)"', page.content.decode())
    assert "no-store" in page["Cache-Control"]


def test_seats_page_needs_an_account(sale):
    assert browser_of().get(address(sale))["Location"] == f"/accounts/login/?next={address(sale)}"


def test_who_never_joined_is_led_to_the_waiting_room(sale):
    assert browser_of(make_fan()).get(address(sale))["Location"] == room(sale)


def test_who_still_waits_is_led_to_the_waiting_room(sale):
    fan = make_fan()
    WaitingToken.objects.create(user=fan, concert_schedule=sale.schedule, number=7)

    assert browser_of(fan).get(address(sale))["Location"] == room(sale)


def test_whose_time_is_over_reads_so_and_may_join_again(sale):
    fan = make_fan()
    token = let_in(fan, sale, now=now(), expired_at=now() - timedelta(seconds=1))

    response = browser_of(fan).get(address(sale), follow=True)

    assert response.redirect_chain == [(room(sale, token=token), 302)]
    assert "<h1>Your time to choose is up</h1>" in text_of(response)


def test_after_the_deadline_the_page_says_that_the_sale_is_closed(sale):
    browser = inside(sale)
    ConcertSchedule.objects.update(deadline_at=now())

    assert "<h1>The sale is closed</h1>" in text_of(browser.get(address(sale), follow=True))


def test_a_schedule_that_does_not_exist(sale):
    assert browser_of(make_fan()).get("/schedules/999999/seats/").status_code == 404


# --- Looking -----------------------------------------------------------------------------------


def test_sections_with_what_is_left_and_what_they_cost(sale):
    make_seats(sale.schedule, 2, 90_000, section="B & <i>", category="VIP")
    make_seats(sale.schedule, 1, 70_000, section="B & <i>", category="R")
    taken_by_another(ConcertSeat.objects.get(pk=sale.seats[0]))

    page = text_of(inside(sale).get(address(sale)))

    assert '<a class="section-link" href="?section=A">A</a> <span class="soft small">5 seats left</span>' in page
    assert 'href="?section=B%20%26%20%3Ci%3E">B &amp; &lt;i&gt;</a> <span class="soft small">3 seats left' in page
    assert '<span class="money small">₩70,000 – ₩90,000</span>' in page


def test_a_section_shows_its_rows_with_what_can_be_had(sale):
    taken_by_another(ConcertSeat.objects.get(pk=sale.seats[1]))
    ConcertSeat.objects.filter(pk=sale.seats[2]).update(accessible=True)

    page = text_of(inside(sale).get(address(sale, "?section=A")))

    boxes = re.findall(r'name="seats" value="(\d+)"', page)
    assert [int(each) for each in boxes] == [sale.seats[nth] for nth in (0, 2, 3, 4, 5)]
    assert "<legend>Row 1" in page
    assert page.count("wheelchair place</span>") == 1


def test_a_long_section_comes_in_portions(sale):
    for row in ("2", "3"):
        make_seats(sale.schedule, 500, row=row)
    browser = inside(sale)

    first, second = (text_of(browser.get(address(sale, f"?section=A&portion={nth}"))) for nth in (1, 2))

    assert (first.count('name="seats"'), second.count('name="seats"')) == (506, 500)
    assert "Rows 1 to 2" in first
    assert 'aria-current="page">Rows 3 to 3' in second


@pytest.mark.parametrize("query", ["section=nowhere", "section=A&portion=99999999999999999999", "keep=a,,-1,1e9,²"])
def test_an_address_that_makes_no_sense_still_shows_the_seats(sale, query):
    assert inside(sale).get(address(sale, f"?{query}")).status_code == 200


@pytest.mark.parametrize("own", [1, 3])
@pytest.mark.parametrize("query", ["", "?section=A"])
def test_the_page_reads_the_account_the_token_and_what_the_fan_has(sale, own, query):
    browser = inside(sale)
    choose(browser, sale, *range(own))
    browser.get(address(sale, query))

    # On a slow machine a look may fall into another second, and read anew what is remembered for one. The others:
    # the session, and what the bar shows.
    assert min(queries_of(browser, address(sale, query)) for _ in range(3)) == 5


def test_a_colour_that_is_none_never_reaches_the_page(sale):
    evil = '#fff" onload="alert(1)'
    layout = LAYOUT | {"categories": [{"name": "R", "color": evil}]}
    ConcertSchedule.objects.update(layout=layout, layout_version=7)

    page = text_of(inside(sale).get(address(sale)))

    assert "onload" not in page
    assert set(re.findall(r'fill="([^"]*)"', page)) <= {"none", "currentColor", *re.findall("#[0-9a-f]{6}", page)}


def test_a_hall_with_nothing_left_in_a_section_folds_it_away(sale):
    make_seats(sale.schedule, 2, 90_000, section="Balcony", category="VIP")
    ConcertSeat.objects.filter(section="Balcony").move("AVAILABLE", "UNAVAILABLE")

    page = text_of(inside(sale).get(address(sale)))

    assert "1 section is sold out" in page
    assert "section=Balcony" not in page
    assert re.search(r'<span class="legend-name">VIP</span>.{0,200}>0 left<', page)


def test_the_hall_as_the_map_draws_it_is_public_and_kept_for_good(sale):
    page = inside(sale).get(address(sale)).content.decode()
    (path,) = re.findall(r'data-seats="([^"]+)"', page)

    plain = Client().get(path)
    packed = Client().get(path, headers={"Accept-Encoding": "gzip"})
    again = Client().get(path, headers={"If-None-Match": plain["ETag"]})

    assert plain["Cache-Control"] == "public, max-age=31536000, immutable"
    assert sum(count for _, _, count in plain.json()["rows"]) == len(sale.seats)
    assert gzip.decompress(packed.content) == plain.content
    assert (packed["Vary"], again.status_code) == ("Accept-Encoding", 304)
    assert f'href="{path}"' in page


# --- Holding -----------------------------------------------------------------------------------


def test_chosen_seats_are_held_and_paid_next(sale):
    response = choose(inside(sale), sale, 0, 3)

    reference = Reservation.objects.values_list("booking_reference", flat=True).distinct().get()
    assert (response.status_code, response["Location"]) == (302, f"/bookings/{reference}/checkout/")
    assert held_seats() == [sale.seats[0], sale.seats[3]]


def test_a_double_click_holds_once(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))

    first = choose(browser, sale, 0, 3, key=key)
    again = choose(browser, sale, 3, 0, key=key)

    assert first["Location"] == again["Location"]
    assert Reservation.objects.count() == 2


def test_another_choice_on_the_same_page_is_another_booking(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))

    choose(browser, sale, 0, key=key)
    choose(browser, sale, 1, key=key)

    assert held_seats() == [sale.seats[0], sale.seats[1]]


def test_seats_that_were_given_up_can_be_chosen_again_on_an_old_page(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))
    first = choose(browser, sale, 0, key=key)
    holds.release_hold(reservation_id=Reservation.objects.get().pk)

    again = choose(browser, sale, 0, key=key)

    assert again["Location"] != first["Location"]
    assert held_seats() == [sale.seats[0]]


def test_going_back_shows_what_is_held_and_offers_the_rest(sale):
    browser = inside(sale)
    choose(browser, sale, 0, 1)

    overview, rows = (text_of(browser.get(address(sale, query))) for query in ("", "?section=A"))

    reference = Reservation.objects.first().booking_reference
    assert "You hold these seats" in overview
    assert f'href="/bookings/{reference}/checkout/"' in overview
    assert "You can choose 2 more seats, and" in overview
    assert rows.count('class="seat-box own"') == 2


def test_a_seat_held_in_another_tab_is_said_to_be_the_fans_own(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))
    choose(browser, sale, 0)
    choose(inside(sale), sale, 1)

    response = choose(browser, sale, 0, 1, 2, key=key)

    page = text_of(browser.get(response["Location"]))
    assert "You hold A, row 1, seat A-1-1 already, in another tab or on another device." in page
    assert "A, row 1, seat A-1-2 has just been taken." in page


def test_of_two_fans_the_second_hears_which_seat_is_gone_and_keeps_the_others(sale):
    first, second = inside(sale), inside(sale)
    choose(first, sale, 1)

    response = choose(second, sale, 0, 1, section="A")

    assert response["Location"] == address(
        sale, f"?section=A&keep={sale.seats[0]}&instead={sale.seats[0]}%2C{sale.seats[2]}"
    )
    page = text_of(second.get(response["Location"]))
    assert "A, row 1, seat A-1-2 has just been taken." in page
    assert len(re.findall('name="seats"[^>]* checked>', page)) == 1
    assert held_seats() == [sale.seats[1]]


def test_more_than_a_fan_may_book_is_refused_with_the_choice_kept(sale):
    browser = inside(sale)
    choose(browser, sale, 0, 1)

    response = choose(browser, sale, 2, 3, 4, section="A")

    page = text_of(browser.get(response["Location"]))
    assert "You can book up to 4 tickets for this date and have 2 already. Choose fewer." in page
    assert len(re.findall('name="seats"[^>]* checked>', page)) == 3
    assert len(held_seats()) == 2


def test_who_has_all_they_may_book_can_choose_no_more(sale):
    browser = inside(sale)
    choose(browser, sale, 0, 1, 2, 3)

    page = text_of(browser.get(address(sale, "?section=A")))

    assert "You have 4 seats, the limit for this date." in page
    assert " disabled>Hold" in page


def test_no_seat_chosen(sale):
    browser = inside(sale)

    response = browser.post(address(sale), {"key": "k", "section": "A"}, follow=True)

    assert "Choose a seat." in text_of(response)


@pytest.mark.parametrize("seat", ["text", "-1", "²", "9" * 18, "9" * 19])
def test_what_is_no_seat_is_refused_in_words(sale, seat):
    browser = inside(sale)
    browser.get(address(sale))

    with nothing_changed():
        response = browser.post(address(sale), {"key": "k", "seats": [seat]})

    assert response.status_code == 302
    assert "There is no such seat on this date." in text_of(browser.get(response["Location"]))


def test_a_seat_of_another_date_is_refused_in_words(sale):
    other = make_sale()
    browser = inside(sale)

    response = browser.post(address(sale), {"seats": [sale.seats[0], other.seats[0]]}, follow=True)

    assert "There is no such seat on this date." in text_of(response)
    assert held_seats() == []


@pytest.mark.parametrize("key", ["", "k" * 5000, "\x00", "한국어"])
def test_seats_form_accepts_any_idempotency_key(sale, key):
    browser = inside(sale)

    browser.post(address(sale), {"key": key, "seats": [sale.seats[0]]})

    assert held_seats() == [sale.seats[0]]


def test_whose_time_runs_out_while_choosing_holds_nothing(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))
    WaitingToken.objects.update(expired_at=now())

    response = choose(browser, sale, 0, key=key)

    assert "<h1>Your time to choose is up</h1>" in text_of(browser.get(response["Location"]))
    assert held_seats() == []


def test_hold_form_without_a_token_is_refused(sale):
    response = browser_of(make_fan()).post(address(sale), {"seats": [sale.seats[0]]})

    assert response["Location"] == room(sale)
    assert held_seats() == []


def test_hold_form_needs_an_account(sale):
    response = browser_of().post(address(sale), {"seats": [sale.seats[0]]})

    assert response["Location"].startswith("/accounts/login/")
    assert held_seats() == []


def test_a_form_from_elsewhere_is_refused(sale):
    fan = make_fan()
    let_in(fan, sale, now=now())
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(fan)

    assert browser.post(address(sale), {"seats": [sale.seats[0]]}).status_code == 403
    assert held_seats() == []


def test_a_booking_that_was_paid_meanwhile_is_shown(sale):
    browser = inside(sale)
    key = key_on(browser.get(address(sale)))
    choose(browser, sale, 0, key=key)
    Reservation.objects.update(status="RESERVED", expired_at=None)

    again = choose(browser, sale, 0, key=key)

    assert again["Location"] == f"/bookings/{Reservation.objects.get().booking_reference}/"


def test_a_sold_out_hall_still_opens_for_who_is_inside(sale):
    browser = inside(sale)
    reserve(*ConcertSeat.objects.of_schedule(sale.pk))

    page = text_of(browser.get(address(sale)))

    assert "sold out" in page


def test_without_redis_seats_are_chosen_and_held_all_the_same(sale):
    browser = inside(sale)

    with redis_away():
        clear_caches()
        response = choose(browser, sale, 0)

    assert response["Location"].endswith("/checkout/")
    assert held_seats() == [sale.seats[0]]


def test_who_gives_back_too_often_reads_when_to_try_again_and_keeps_the_choice(sale):
    fan = make_fan()
    browser = inside(sale, fan=fan)
    for _ in range(6):
        assert choose(browser, sale, 0).status_code == 302
        holds.release_booking(reference=Reservation.objects.latest("pk").booking_reference, user_id=fan.pk)

    refused = choose(browser, sale, 0, 1)
    words = text_of(browser.get(refused["Location"]))

    assert refused["Location"] == address(sale, f"?keep={sale.seats[0]}%2C{sale.seats[1]}")
    assert "You’ve released seats for this date several times." in words
    assert re.search(r"You can choose again in (9|10) seconds\.", words)
    assert held_seats() == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "in 1 second."), (89.5, "in 90 seconds."), (90.5, "in 2 minutes."), (3600, "in 60 minutes.")],
)
def test_a_wait_is_told_in_words_and_never_too_short(seconds, words):
    assert cooldown_text(seconds).endswith(words)


def test_nobody_is_told_to_choose_in_front_of_an_empty_hall(sale):
    browser = inside(sale)
    taken_by_another(*ConcertSeat.objects.of_schedule(sale.pk), until=now() + timedelta(minutes=2, seconds=12))
    clear_caches()

    page = text_of(browser.get(address(sale)))

    assert "6 seats are in checkouts. If it isn’t paid, the next one comes back in 2:10 at the soonest." in page
    assert "<p data-something-free hidden>You can choose up to 4 seats" in page
    assert f'data-progress="/api/v1/schedules/{sale.pk}/queue/"' in page


def test_the_sentence_for_when_nothing_is_free_waits_while_something_is(sale):
    page = text_of(inside(sale).get(address(sale)))

    assert f'data-progress="/api/v1/schedules/{sale.pk}/queue/" hidden>' in page
    assert "<p data-something-free>You can choose up to 4 seats" in page


# --- A form that got lost ----------------------------------------------------------------------


def test_who_lost_the_session_on_the_way_comes_back_to_the_same_choice(sale):
    fan = make_fan()
    browser = inside(sale, fan=fan)
    key = key_on(browser.get(address(sale)))
    browser.cookies.pop("sessionid")

    with nothing_changed():
        answer = choose(browser, sale, 0, 2, key=key)

    login, _, query = answer["Location"].partition("?next=")
    assert login == "/accounts/login/"
    assert "You were logged out, so nothing was done and no money moved." in text_of(browser.get(answer["Location"]))
    back = unquote(query)
    assert back == address(sale, f"?keep={sale.seats[0]}%2C{sale.seats[2]}")
    browser.force_login(fan)
    assert f'data-keep="{sale.seats[0]},{sale.seats[2]}"' in text_of(browser.get(back))


def test_who_logged_in_anew_in_another_tab_goes_on_with_the_same_choice(sale):
    browser = Client(enforce_csrf_checks=True)
    fan = make_fan()
    let_in(fan, sale, now=now())
    browser.force_login(fan)

    with nothing_changed():
        answer = browser.post(address(sale), {"key": "0" * 32, "seats": [sale.seats[1]], "section": "A"})

    page = text_of(answer)
    assert "<h1>This page has expired</h1>" in page
    assert "Nothing was done and no money moved" in page
    assert f'href="{address(sale, f"?section=A&amp;keep={sale.seats[1]}")}"' in page


def test_what_another_tab_of_the_fan_holds_is_not_blamed_on_strangers(sale):
    fan = make_fan()
    browser = inside(sale, fan=fan)
    first, second = (key_on(browser.get(address(sale))) for _ in range(2))
    reference = choose(browser, sale, 0, key=first)["Location"]

    page = text_of(browser.get(choose(browser, sale, 0, 1, key=second)["Location"]))

    assert "You hold A, row 1, seat A-1-1 already, in another tab or on another device." in page
    assert f'<a href="{reference}">Go on to pay</a>' in page
    assert "A-1-2 has just been taken" not in page
