"""What staff send: forms of any size, twice at once, after a new login, to many rows; and the last superuser."""

from functools import partial
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.urls import reverse

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.tests.committed import committed
from concert_site.tests.forms import forms_in, open_form
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Venue
from reservations.tests.factories import make_concert, make_schedule, make_seats
from wallet.models import BalanceHistory

SEATS = "/admin/reservations/concertseat/"
USERS = "/admin/accounts/user/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_staff())
    return client


def url(name, schedule):
    return reverse(f"admin:reservations_concertschedule_{name}", args=[schedule.pk])


# --- Of any size -------------------------------------------------------------------------------


def grid_of(count):
    sections = {"sections-TOTAL_FORMS": count, "sections-INITIAL_FORMS": 0, "save": "1"}
    for nth in range(count):
        values = {"name": f"S{nth}", "rows": 1, "seats_per_row": 1, "first_row_name": "A", "numbering": "FROM_LEFT"}
        values |= {"category": "R", "price": 50_000, "color": "#2563eb"}
        sections |= {f"sections-{nth}-{name}": value for name, value in values.items()}
    return sections


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", MULTIPART_CONTENT])
def test_a_grid_of_as_many_sections_as_the_page_offers_is_saved(content_type):
    client, schedule = Client(enforce_csrf_checks=True), make_schedule()
    client.force_login(make_staff())
    page = client.get(url("add_seats", schedule)).content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = grid_of(200) | {"csrfmiddlewaretoken": token}

    body = form if content_type == MULTIPART_CONTENT else urlencode(form)
    sent = client.post(url("add_seats", schedule), body, content_type=content_type)

    assert sent.status_code == 302
    assert schedule.seats.count() == 200


@pytest.mark.parametrize(("make", "fields"), [(make_fan, 1_001), (make_staff, 20_001)])
def test_what_is_larger_is_said_in_words(make, fields):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make())
    client.cookies["csrftoken"] = "a" * 32
    body = "&".join(f"f{nth}=1" for nth in range(fields))

    answer = client.post(USERS, body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 400
    assert "larger than what the site reads at once" in answer.content.decode()


def test_a_form_of_another_site_is_refused_unread():
    client = Client(enforce_csrf_checks=True, headers={"origin": "https://elsewhere.example"})
    client.force_login(make_fan())
    body = "&".join(f"f{nth}=1" for nth in range(1_001))

    answer = client.post(reverse("profile"), body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 403


def test_lines_count_as_the_browser_counts_them(staff):
    schedule = make_schedule()
    message = "\n".join(["x" * 49] * 10)
    assert len(message) == 499
    form = open_form(staff, url("waiting_room", schedule))

    staff.post(url("waiting_room", schedule), form | {"queue_message": message.replace("\n", "\r\n")})

    schedule.refresh_from_db()
    assert schedule.queue_message == message


@pytest.mark.parametrize("amount", ["1000000000000000", "-10000000001", "1e12", "99999999999"])
def test_an_amount_that_can_only_be_a_slip_is_refused_at_its_field(staff, amount):
    where = reverse("admin:wallet_adjust", args=[make_fan().pk])

    page = staff.post(where, open_form(staff, where) | {"amount": amount, "note": "Cash"}).content.decode()

    assert "Amounts go up to ₩10,000,000,000." in page
    assert BalanceHistory.objects.count() == 0


# --- After a new login -------------------------------------------------------------------------


def test_a_form_whose_token_is_over_is_sent_again_with_what_was_typed():
    client, venue = Client(enforce_csrf_checks=True), Venue.objects.create(name="Hall", time_zone="Asia/Seoul")
    client.force_login(make_staff())
    where = reverse("admin:reservations_venue_change", args=[venue.pk])
    form = open_form(client, where) | {"name": "Typed", "csrfmiddlewaretoken": "a" * 64}

    refused = client.post(where, form, headers={"origin": "http://testserver"})
    (again,) = [each for each in forms_in(refused.content.decode()) if "_shown" in each]
    token = refused.content.decode().rpartition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    client.post(where, again | {"csrfmiddlewaretoken": token}, headers={"origin": "http://testserver"})

    assert refused.status_code == 403
    assert "This page was open for too long" in refused.content.decode()
    venue.refresh_from_db()
    assert venue.name == "Typed"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_a_form_of_another_site_is_not_offered_again(origin):
    client, venue = Client(enforce_csrf_checks=True), Venue.objects.create(name="Hall", time_zone="Asia/Seoul")
    client.force_login(make_staff())
    where = reverse("admin:reservations_venue_change", args=[venue.pk])

    headers = {"origin": origin} if origin else {}
    refused = client.post(where, {"name": "Evil", "csrfmiddlewaretoken": "a" * 64}, headers=headers)

    assert refused.status_code == 403
    assert "Evil" not in refused.content.decode()


# --- Once --------------------------------------------------------------------------------------


def copy_form(client, schedule, day="2031-06-01"):
    return open_form(client, url("copy", schedule)) | {"concert_at_0": day, "concert_at_1": "19:00:00"}


def test_a_copy_is_made_once_a_click(staff):
    schedule = make_schedule()
    form = copy_form(staff, schedule)

    first, second = (staff.post(url("copy", schedule), form) for _ in range(2))

    assert (first.status_code, second.status_code, first.url) == (302, 302, second.url)
    assert ConcertSchedule.objects.count() == 2
    assert LogEntry.objects.filter(action_flag=1).count() == 1


def test_who_goes_back_and_types_another_day_makes_another_copy(staff):
    schedule = make_schedule()
    form = copy_form(staff, schedule)

    staff.post(url("copy", schedule), form)
    staff.post(url("copy", schedule), form | {"concert_at_0": "2031-06-02"})

    assert ConcertSchedule.objects.count() == 3


def test_a_form_that_was_refused_can_be_sent_again(staff):
    schedule = make_schedule()
    form = copy_form(staff, schedule, day="1031-06-01")

    assert [staff.post(url("copy", schedule), form).status_code for _ in range(2)] == [200, 200]
    assert staff.post(url("copy", schedule), form | {"concert_at_0": "2031-06-01"}).status_code == 302


@committed
def test_two_clicks_at_once_make_one_copy_and_lead_to_it():
    schedule, client = make_schedule(), Client()
    client.force_login(make_staff())
    form = copy_form(client, schedule)

    answers = at_once([partial(client.post, url("copy", schedule), form) for _ in range(4)])

    assert len({answer.url for answer in answers}) == 1
    assert ConcertSchedule.objects.count() == 2


NEW = {
    "/admin/reservations/concert/add/": ({"name": "Twice", "host": "Host", "description": "x"}, Concert),
    "/admin/reservations/venue/add/": ({"name": "Twice", "time_zone": "Asia/Seoul"}, Venue),
    "/admin/accounts/user/add/": (
        {
            "email": "twice@example.com",
            "password1": "right-one-2026",
            "password2": "right-one-2026",
            "usable_password": "true",
        },
        User,
    ),
}


@pytest.mark.parametrize("where", NEW)
def test_an_account_is_made_once_a_click(staff, where):
    typed, model = NEW[where]
    before, form = model.objects.count(), open_form(staff, where) | typed

    first, second = (staff.post(where, form) for _ in range(2))

    assert (first.status_code, first.url) == (302, second.url)
    assert model.objects.count() == before + 1


# --- To many -----------------------------------------------------------------------------------


def two_dates():
    first, second = make_schedule(), make_schedule()
    make_seats(first, 3)
    make_seats(second, 2)
    return ConcertSeat.objects.order_by("pk").first().pk


def all_seats(pk, **more):
    return {"action": "take_off_sale", "select_across": "1", "_selected_action": pk} | more


def test_all_seats_of_the_house_are_counted_by_date_and_the_number_is_to_be_typed(staff):
    pk = two_dates()

    page = staff.post(SEATS, all_seats(pk)).content.decode()

    assert page.count("available 3") == 1
    assert page.count("available 2") == 1
    assert "To go on, type the number: 5" in page
    assert ConcertSeat.objects.filter(status="UNAVAILABLE").count() == 0
    (form,) = [each for each in forms_in(page) if "_confirmed" in each]
    assert "This isn’t the number." in staff.post(SEATS, form | {"_typed": "50"}).content.decode()
    assert ConcertSeat.objects.filter(status="UNAVAILABLE").count() == 0
    staff.post(SEATS, form | {"_typed": "5"})
    assert ConcertSeat.objects.filter(status="UNAVAILABLE").count() == 5


def test_seats_that_came_after_the_question_are_asked_for_again(staff):
    pk = two_dates()
    (form,) = [each for each in forms_in(staff.post(SEATS, all_seats(pk)).content.decode()) if "_confirmed" in each]
    make_seats(make_schedule(), 1)

    page = staff.post(SEATS, form | {"_typed": "5"}).content.decode()

    assert "It changed since you were asked." in page
    assert ConcertSeat.objects.filter(status="UNAVAILABLE").count() == 0


def test_one_seat_is_taken_off_sale_without_a_question(staff):
    pk = two_dates()

    staff.post(SEATS, {"action": "take_off_sale", "_selected_action": pk})

    assert ConcertSeat.objects.filter(status="UNAVAILABLE").count() == 1


def test_accounts_are_counted_before_they_are_deactivated(staff):
    fans = [make_fan(), make_fan(is_active=False), make_fan()]
    chosen = {"action": "deactivate", "_selected_action": [fan.pk for fan in fans]}

    page = staff.post(USERS, chosen).content.decode()

    assert "2 active, 1 deactivated" in page
    assert User.objects.filter(is_active=False).count() == 1
    (form,) = [each for each in forms_in(page) if "_confirmed" in each]
    staff.post(USERS, form)
    assert User.objects.filter(is_active=False).count() == 3


def test_concerts_are_named_before_they_are_unpublished(staff):
    concerts = [make_concert(name=f"Show {nth}", status="AVAILABLE") for nth in range(2)]
    chosen = {"action": "unpublish", "_selected_action": [concert.pk for concert in concerts]}

    page = staff.post("/admin/reservations/concert/", chosen).content.decode()

    assert "Show 0" in page
    assert Concert.objects.filter(status="AVAILABLE").count() == 2


# --- The last superuser ------------------------------------------------------------------------


def user_page(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


@pytest.mark.parametrize("right", ["is_superuser", "is_staff", "is_active"])
def test_the_last_superuser_can_not_give_up_a_right(client, right):
    boss = make_staff()
    make_staff(is_active=False)
    client.force_login(boss)
    form = open_form(client, user_page(boss))
    del form[right]

    page = client.post(user_page(boss), form).content.decode()

    assert "This is the last superuser who can log in." in page
    boss.refresh_from_db()
    assert (boss.is_superuser, boss.is_staff, boss.is_active) == (True, True, True)


def test_one_of_two_superusers_may(client):
    boss, _other = make_staff(), make_staff()
    client.force_login(boss)
    form = open_form(client, user_page(boss))
    del form["is_superuser"]

    assert client.post(user_page(boss), form).status_code == 302
    assert User.objects.filter(is_superuser=True).count() == 1


@committed
@pytest.mark.parametrize("by", ["form", "action"])
def test_two_superusers_who_demote_each_other_at_once_leave_one(by):
    bosses = [make_staff(email=f"boss{nth}@example.com") for nth in range(2)]
    steps = []
    for own, other in (bosses, bosses[::-1]):
        client = Client()
        client.force_login(own)
        form = open_form(client, user_page(other))
        del form["is_superuser"]
        action = {"action": "deactivate", "_selected_action": other.pk}
        steps.append(
            partial(client.post, user_page(other), form) if by == "form" else partial(client.post, USERS, action)
        )

    at_once(steps)

    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
