"""The one search of the admin: what it finds, for whom, and what it costs."""

from unicodedata import normalize

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.back_office.desk.search_results import find
from payments.domain import refunds
from payments.tests.scenes import buy
from payments.tests.scenes import make_fan as make_rich_fan
from queueing.models import WaitingToken
from reservations.models import ConcertSeat
from reservations.queries.bookings import own_with_schedule
from reservations.queries.help_desk import SearchedDay, SearchedSeat, day_in, reference_in, searched_seat
from reservations.tests.scenes import NOW, hold, make_sale
from reservations.tickets.codes import ticket_of

FIND = "/admin/find/"
ALL = ("view_reservation", "view_payment", "view_user", "view_concertseat", "view_waitingtoken")

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    client.force_login(make_staff())
    return client


def found(client, text):
    """What the page lists, by kind: the titles."""
    response = client.get(FIND, {"q": text})
    assert response.status_code == 200, response.headers.get("Location")
    return {str(group.title): [hit.title for hit in group.hits] for group in response.context["groups"]}


def target(client, text):
    """Where a search that means one thing alone goes."""
    response = client.get(FIND, {"q": text})
    assert response.status_code == 302
    return response.headers["Location"]


def make_booking(**fields):
    """A paid seat of a fan."""
    fan = make_rich_fan(balance=1_000_000)
    type(fan).objects.filter(pk=fan.pk).update(**fields)
    (payment,) = buy(fan, make_sale(), 0)
    return payment.reservation


# --- Bookings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", [str, str.lower, lambda text: f" {text[:4]} {text[4:8]}-{text[8:]} "])
def test_a_reference_goes_straight_to_its_booking(boss, spelled):
    reference = make_booking().booking_reference

    assert target(boss, spelled(reference)) == f"/admin/bookings/{reference}/"


@pytest.mark.parametrize("part", [slice(0, 5), slice(4, 9), slice(8, 12)])
def test_any_part_of_a_reference_finds_it(boss, part):
    reference, _other = make_booking().booking_reference, make_booking()

    assert reference in found(boss, reference[part])["Bookings"]


def test_two_characters_are_no_part_of_a_reference():
    assert reference_in("BC") is None
    assert reference_in("bc d") == "BCD"
    # Letters that no reference has: a name, or a word.
    assert reference_in("KIM") is None


# --- Fans --------------------------------------------------------------------------------------


def test_an_address_goes_straight_to_its_fan_and_a_part_of_it_lists_those_who_have_it(boss):
    fan, other = make_fan(email="ada@songs.example"), make_fan(email="ada@songs.example.org")

    assert target(boss, "Ada@Songs.example") == f"/admin/fans/{fan.pk}/"
    assert found(boss, "a@song")["Fans"] == [other.email, fan.email]


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["김 철수", "철수", normalize("NFD", "김철수")])
def test_a_name_is_found_in_any_form(boss, stored, typed):
    fan = make_fan(email="kim@songs.example", name=normalize(stored, "김철수"))
    make_fan(name="이영희")

    assert found(boss, typed)["Fans"] == [fan.email]


def test_a_name_is_found_however_wide_it_is_written(boss):
    fan = make_fan(email="a@songs.example", name="Ａｄａ  Lovelace")

    assert found(boss, "ada love")["Fans"] == [fan.email]
    assert found(boss, "ＡＤＡＬＯＶＥ")["Fans"] == [fan.email]


def test_a_name_that_becomes_many_letters_can_still_be_stored():
    assert len(make_fan(name="\ufdfa" * 150).__class__.objects.latest("pk").name_key) == 200


# --- Numbers, tokens, seats --------------------------------------------------------------------


def test_numbers_find_reservations_and_payments():
    reservation, staff = make_booking(), make_staff()
    page = f"/admin/bookings/{reservation.booking_reference}/"

    of_reservation = {group.title: group.hits for group in find(f"#{reservation.pk}", staff)}["Reservations"]
    of_payment = {group.title: group.hits for group in find(f"{reservation.payment.pk}", staff)}["Payments"]
    assert [(hit.url, hit.is_exact) for hit in (*of_reservation, *of_payment)] == [(page, True)] * 2


def test_a_token_goes_straight_to_its_place_in_line(boss):
    make_booking()
    token = WaitingToken.objects.get()

    assert target(boss, str(token.token).upper()) == reverse("admin:queueing_waitingtoken_change", args=[token.pk])


@pytest.mark.parametrize("typed", ["R-12", "r 12", "R12", "VIP R 12", "VIP 12", "Row R, seat 12", "vip R열 12번"])
def test_a_seat_is_found_by_what_it_is_called(boss, typed):
    sale = make_sale()
    ConcertSeat.objects.filter(pk=sale.seats[2]).update(section="VIP", row="R", seat_number=12, seat_label="12")
    fan = make_rich_fan(balance=100_000)
    reference = hold(fan, sale, 2).reference

    (group,) = [each for each in boss.get(FIND, {"q": typed}).context["groups"] if each.title == "Seats"]
    (hit,) = group.hits
    assert hit.url == f"/admin/bookings/{reference}/"
    assert fan.email in hit.detail


def test_a_date_says_which_evening(boss):
    first, second = make_sale(), make_sale(concert_date="2031-06-01")
    url = reverse("admin:reservations_concertseat_change", args=[second.seats[0]])

    def urls(text):
        (group,) = boss.get(FIND, {"q": text}).context["groups"]
        return [hit.url for hit in group.hits]

    assert urls("A 1 1 2031-06-01") == urls("6/1 A 1 1") == urls("6월 1일 A 1 1") == [url]
    assert len(urls("A 1 1")) == 2
    assert first.seats[0] != second.seats[0]


def test_words_of_seats_and_days():
    assert searched_seat("1층 A구역 3열 12번") == SearchedSeat("1층 A구역", "3", "12")
    assert searched_seat("Ada") is None
    assert day_in("R-12 2026.12.28")[0] == SearchedDay(2026, 12, 28)
    assert day_in("R-12")[0] is None


# --- Tickets -----------------------------------------------------------------------------------


def test_the_text_of_a_qr_code_leads_to_its_booking_and_says_what_it_is_worth(boss):
    reservation = make_booking()
    text = ticket_of(
        own_with_schedule(reservation.pk, user_id=reservation.user_id), payment_id=reservation.payment.pk
    ).text

    valid = boss.get(FIND, {"q": f" {text[:40]}\n{text[40:]} "}, follow=True)
    refunds.refund(reservation.pk, fee=0, note="ill", actor_id=reservation.user_id, now=NOW)
    old = boss.get(FIND, {"q": text}, follow=True)

    assert valid.redirect_chain[0][0] == f"/admin/bookings/{reservation.booking_reference}/#seat-{reservation.pk}"
    assert "Genuine and valid" in str(*valid.context["messages"])
    assert "no longer valid" in str(*old.context["messages"])


def test_a_forged_ticket_leads_nowhere_and_is_called_so(boss):
    reservation = make_booking()
    text = ticket_of(
        own_with_schedule(reservation.pk, user_id=reservation.user_id), payment_id=reservation.payment.pk
    ).text
    forged = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]

    response = boss.get(FIND, {"q": forged})

    assert response.status_code == 200
    assert "Not genuine" in response.content.decode()


# --- For whom, and how much --------------------------------------------------------------------


def test_a_fan_is_sent_to_the_login(client):
    client.force_login(make_fan())

    assert client.get(FIND, {"q": "abc"}).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("missing", ALL)
def test_kinds_that_a_clerk_may_not_see_are_not_found(missing):
    reservation = make_booking(name="Ada Lovelace")
    token = WaitingToken.objects.get()
    asked = {
        "view_reservation": reservation.booking_reference,
        "view_payment": str(reservation.payment.pk),
        "view_user": reservation.user.email,
        "view_concertseat": "A 1 1",
        "view_waitingtoken": str(token.token),
    }
    kinds = dict(zip(ALL, ("Bookings", "Payments", "Fans", "Seats", "Waiting tokens"), strict=True))

    def titles(*permissions):
        return {str(group.title) for group in find(asked[missing], make_clerk(*permissions))}

    assert kinds[missing] in titles(missing)
    assert kinds[missing] not in titles(*(each for each in ALL if each != missing))


def test_who_may_not_see_money_is_told_no_amount(client):
    reservation = make_booking()
    client.force_login(make_clerk("view_reservation"))

    line = find(reservation.booking_reference, make_clerk("view_reservation"))[0].hits[0].detail
    page = client.get(f"/admin/bookings/{reservation.booking_reference}/").content.decode()

    assert "50,000" not in line + page
    assert reservation.user.email in page


def test_a_search_without_results_or_words(boss):
    assert "Nothing was found" in boss.get(FIND, {"q": "nobody at all"}).content.decode()
    assert "What can be found" in boss.get(FIND).content.decode()
    assert "What can be found" in boss.get(FIND, {"q": "\0"}).content.decode()


def test_every_page_has_the_search(boss):
    for page in ("/admin/", "/admin/reservations/concert/", "/admin/accounts/user/add/", FIND):
        assert 'action="/admin/find/"' in boss.get(page).content.decode()


# --- The pages ---------------------------------------------------------------------------------


def test_the_page_of_a_booking_and_of_its_fan_ask_as_much_for_one_seat_as_for_four(boss):
    sale, fan = make_sale(), make_rich_fan(balance=1_000_000)
    few, many = buy(fan, sale, 0), buy(fan, sale, 1, 2, 3)
    pages = [f"/admin/bookings/{each[0].reservation.booking_reference}/" for each in (few, many)]
    boss.get(pages[0])

    counts = [queries_of(boss, page) for page in pages]
    assert counts[0] == counts[1] <= 12
    assert queries_of(boss, f"/admin/fans/{fan.pk}/") <= 14


def queries_of(client, page):
    with CaptureQueriesContext(connection) as asked:
        assert client.get(page).status_code == 200
    return len(asked)


def test_the_map_marks_the_seats_of_the_booking(boss):
    reservation = make_booking()

    picture = boss.get(f"/admin/bookings/{reservation.booking_reference}/map.svg")

    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.decode().count('fill="#ec3564"') == 1


@pytest.mark.parametrize("page", ["/admin/bookings/ZZZZ/", "/admin/bookings/ZZZZ/map.svg", "/admin/fans/0/"])
def test_an_unknown_booking_is_a_404(boss, page):
    assert boss.get(page).status_code == 404


@pytest.mark.parametrize("page", ["bookings/{}/", "bookings/{}/map.svg", "fans/{}/"])
def test_pages_are_for_who_may_see_bookings(client, page):
    reservation = make_booking()
    client.force_login(make_clerk("view_concert"))
    name = reservation.user_id if "fans" in page else reservation.booking_reference

    assert client.get(f"/admin/{page.format(name)}").status_code == 403
