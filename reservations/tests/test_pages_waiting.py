"""The pages of the waiting room: for nobody, for another fan, and for the fan."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client as redis_client
from concert_site.lib.tasks import enqueuer, pending_key
from concert_site.tests.away import redis_away
from queueing.models import WaitingToken
from queueing.tests.factories import make_active, make_line, measured
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.tests.browsers import browser_of, text_of
from reservations.tests.factories import make_fan, make_schedule, make_seats, reserve
from reservations.tests.scenes import Sale
from reservations.tests.scenes import hold as hold_seats

pytestmark = pytest.mark.django_db
# What the page's script sends.
PART = {"X-Part": "place"}


@pytest.fixture
def schedule():
    made = make_schedule(queue_message="Doors open at <seven>.")
    make_seats(made, 10)
    return made


def room(schedule, **query):
    return f"/schedules/{schedule.pk}/queue/" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


def waiting_fan(schedule, *, ahead=4):
    """A fan with this many people ahead."""
    return make_line(schedule, ahead + 1)[-1]


# --- Joining -----------------------------------------------------------------------------------


def test_a_quiet_sale_leads_straight_to_the_seats(schedule):
    response = browser_of(make_fan()).post(room(schedule) + "join/")

    assert (response.status_code, response["Location"]) == (302, f"/schedules/{schedule.pk}/seats/")


def test_behind_a_line_a_join_leads_to_the_waiting_room(schedule):
    make_line(schedule, 4)
    fan = make_fan()

    response = browser_of(fan).post(room(schedule) + "join/")

    token = WaitingToken.objects.get(user=fan)
    assert (response.status_code, response["Location"]) == (302, room(schedule, token=token.token))
    assert token.number == 5


def test_joining_twice_takes_one_number(schedule):
    make_line(schedule, 4)
    browser = browser_of(fan := make_fan())

    browser.post(room(schedule) + "join/")
    browser.post(room(schedule) + "join/")

    assert WaitingToken.objects.filter(user=fan).count() == 1


def test_nobody_joins_without_an_account(schedule):
    response = browser_of().post(room(schedule) + "join/")

    assert response["Location"] == f"/accounts/login/?next={room(schedule)}join/"
    assert not WaitingToken.objects.exists()


@pytest.mark.parametrize("address", ["join/", "leave/"])
def test_who_reads_a_form_address_is_led_to_the_waiting_room(schedule, address):
    assert browser_of(make_fan()).get(room(schedule) + address)["Location"] == room(schedule)


@pytest.mark.parametrize(
    ("times", "heading"),
    [
        ({"reservation_available_at": timedelta(hours=3)}, "The sale has not opened yet"),
        ({"deadline_at": -timedelta(hours=1)}, "The sale is closed"),
    ],
)
def test_outside_the_sale_a_join_leads_to_a_page_that_says_so(schedule, times, heading):
    columns = {name: now() + offset for name, offset in times.items()}
    ConcertSchedule.objects.filter(pk=schedule.pk).update(**columns)

    page = browser_of(make_fan()).post(room(schedule) + "join/", follow=True)

    assert f"<h1>{heading}</h1>" in text_of(page)
    assert not WaitingToken.objects.exists()


@pytest.mark.parametrize(("ahead", "counts_down"), [(timedelta(hours=3), True), (timedelta(days=3), False)])
def test_the_opening_is_counted_down_on_its_day(schedule, ahead, counts_down):
    ConcertSchedule.objects.update(reservation_available_at=now() + ahead)

    page = text_of(browser_of(make_fan()).get(room(schedule)))

    assert "<h1>The sale has not opened yet</h1>" in page
    assert ("data-seconds-left" in page) == counts_down


def test_a_sold_out_date_names_the_others_that_can_be_had(schedule):
    reserve(*ConcertSeat.objects.of_schedule(schedule.pk))
    other = make_schedule(schedule.concert)
    make_seats(other, 3)

    page = browser_of(make_fan()).post(room(schedule) + "join/", follow=True)

    assert "<h1>Sold out</h1>" in text_of(page)
    assert f'href="{room(other)}"' in text_of(page)
    assert "3 seats left" in text_of(page)


def test_a_concert_that_was_taken_down_sells_nothing(schedule):
    Concert.objects.update(status="UNAVAILABLE")
    browser = browser_of(make_fan())

    assert browser.get(room(schedule)).status_code == 404
    assert browser.post(room(schedule) + "join/").status_code == 404


def test_a_schedule_that_does_not_exist(schedule):
    browser = browser_of(make_fan())

    for address in ("/schedules/999999/queue/", "/schedules/999999999999999999/queue/leave/"):
        assert browser.get(address, follow=True).status_code == 404
    assert browser.post("/schedules/999999/queue/join/").status_code == 404


# --- Waiting -----------------------------------------------------------------------------------


def test_the_place_in_line(schedule):
    token = waiting_fan(schedule, ahead=4)

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert '<span class="line-number">4</span>' in page
    assert "<title>Soon: 4 ahead of you · Frontrow" in page
    assert "calculating" in page
    assert "Doors open at &lt;seven&gt;." in page
    refresh = f'content="5; url={room(schedule, token=token.token)}"'
    assert f'<noscript><meta http-equiv="refresh" {refresh}></noscript>' in page


def test_the_wait_at_the_speed_that_was_measured(schedule):
    token = waiting_fan(schedule, ahead=91)
    # Ten numbers in the last minute: nine minutes and a bit for 92, also if this test takes a while.
    measured(schedule, (60, -10))

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert "about 10 minutes" in page
    assert "There may be no seats left when it’s your turn" in page


def test_a_pause_is_said_and_the_place_kept(schedule):
    token = waiting_fan(schedule)
    ConcertSchedule.objects.update(queue_paused=True)

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert "The line is paused for a moment." in page
    assert "on hold" in page
    assert "data-poll-after" in page


def test_the_first_in_line_is_next(schedule):
    token = waiting_fan(schedule, ahead=0)

    assert "You’re next</h1>" in text_of(browser_of(token.user).get(room(schedule)))


def test_an_active_fan_is_sent_on_to_the_seats(schedule):
    token = make_active(schedule, is_inside=False, since=now())
    browser = browser_of(token.user)

    whole = browser.get(room(schedule))
    fragment = browser.get(room(schedule, token=token.token), headers=PART)

    assert whole["Location"] == f"/schedules/{schedule.pk}/seats/"
    assert (fragment.status_code, fragment["X-Go-To"]) == (204, f"/schedules/{schedule.pk}/seats/")
    token.refresh_from_db()
    assert token.entered_at is None


def test_the_fragment_is_the_place_alone_and_names_its_pace(schedule):
    token = waiting_fan(schedule, ahead=300)

    page = text_of(browser_of(token.user).get(room(schedule, token=token.token), headers=PART))

    assert page.startswith("<title>300 ahead of you · Frontrow </title> <section")
    assert 3 <= float(page.partition('data-poll-after="')[2].partition('"')[0]) <= 3.6
    assert "<html" not in page


@pytest.mark.parametrize("in_line", [1, 3])
def test_polling_reads_the_account_and_the_token_alone(schedule, in_line):
    token = waiting_fan(schedule, ahead=in_line)
    browser = browser_of(token.user)
    address = room(schedule, token=token.token)
    browser.get(address)

    with CaptureQueriesContext(connection) as queries:
        browser.get(address, headers=PART)

    # And the session.
    assert len(queries) == 3


@pytest.mark.parametrize("held", [1, 3])
def test_the_whole_page_costs_the_same_whatever_the_fan_holds(schedule, held):
    sale = Sale(schedule, list(ConcertSeat.objects.of_schedule(schedule.pk).values_list("pk", flat=True)))
    fan = make_fan()
    hold_seats(fan, sale, *range(held), now=None)
    WaitingToken.objects.update(status="EXPIRED", expired_reason="TIME_OVER")
    browser = browser_of(fan)
    browser.get(room(schedule))

    with CaptureQueriesContext(connection) as queries:
        page = browser.get(room(schedule))

    assert text_of(page).count("Held: pay now") == held
    # The session, the account, the token, what is held here, and what is held at all.
    assert len(queries) == 5


def test_another_fans_token_shows_nothing(schedule):
    token = waiting_fan(schedule)

    page = text_of(browser_of(make_fan()).get(room(schedule, token=token.token)))

    assert "<h1>Join the line</h1>" in page


@pytest.mark.parametrize("token", ["", "1", "x" * 300, "%00", "00000000-0000-4000-8000-000000000000"])
def test_what_is_no_token_is_passed_over(schedule, token):
    waiting = waiting_fan(schedule)

    page = text_of(browser_of(waiting.user).get(room(schedule, token=token)))

    assert '<span class="line-number">4</span>' in page


def test_no_cache_keeps_the_page(schedule):
    assert "no-store" in browser_of(make_fan()).get(room(schedule))["Cache-Control"]


# --- The end -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "heading"),
    [
        ("LEFT", "You have left the line"),
        ("NO_SHOW", "Your turn has passed"),
        ("TIME_OVER", "Your time to choose is up"),
        ("PAID", "You have booked"),
    ],
)
def test_the_page_says_how_a_visit_ended_and_asks_no_more(schedule, reason, heading):
    token = make_active(schedule)
    WaitingToken.objects.update(status="EXPIRED", expired_reason=reason)

    page = text_of(browser_of(token.user).get(room(schedule, token=token.token)))

    assert f"<h1>{heading}</h1>" in page
    assert "Join the line again" in page
    assert "data-poll-after" not in page


def test_a_turn_that_has_just_run_out_is_over(schedule):
    token = make_active(schedule, until=now() - timedelta(seconds=1))

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert "Your time to choose is up" in page


@pytest.mark.parametrize(("closed", "heading"), [(True, "The sale is closed"), (False, "Sold out")])
def test_the_end_of_the_sale_ends_the_wait(schedule, closed, heading):
    token = waiting_fan(schedule)
    if closed:
        ConcertSchedule.objects.update(deadline_at=now())
    else:
        reserve(*ConcertSeat.objects.of_schedule(schedule.pk))

    page = text_of(browser_of(token.user).get(room(schedule, token=token.token), headers=PART))

    assert f"<h1>{heading}</h1>" in page
    assert "data-poll-after" not in page


def test_who_waited_for_a_date_that_was_canceled_is_told_why(schedule):
    token = waiting_fan(schedule)
    assert "This date was canceled" not in text_of(browser_of(token.user).get(room(schedule, token=token.token)))
    ConcertSchedule.objects.update(canceled_at=now(), change_reason_en="The orchestra stays home.")
    clear_caches()

    page = text_of(browser_of(token.user).get(room(schedule, token=token.token)))

    assert "This date was canceled." in page
    assert "The orchestra stays home." in page


@pytest.mark.parametrize("reason", ["SOLD_OUT", "PAID", "LEFT", None])
def test_only_who_waited_in_vain_is_told_so(schedule, reason):
    token = make_active(schedule)
    if reason:
        WaitingToken.objects.update(status="EXPIRED", expired_reason=reason)
    ConcertSchedule.objects.update(deadline_at=now())

    page = text_of(browser_of(token.user).get(room(schedule, token=token.token)))

    assert "<h1>The sale is closed</h1>" in page
    assert ("The sale closed before your turn" in page) == (reason == "SOLD_OUT")


def test_who_comes_back_waits_by_the_new_token(schedule):
    old = waiting_fan(schedule)
    WaitingToken.objects.filter(pk=old.pk).update(status="EXPIRED", expired_reason="LEFT", expired_at=now())
    WaitingToken.objects.create(user=old.user, concert_schedule=schedule, number=9)

    page = text_of(browser_of(old.user).get(room(schedule, token=old.token)))

    assert '<span class="line-number">8</span>' in page


# --- Leaving -----------------------------------------------------------------------------------


def test_leave_asks_for_confirmation(schedule):
    token = waiting_fan(schedule)

    page = text_of(browser_of(token.user).get(room(schedule) + "leave/"))

    assert "<h1>Leave the line?</h1>" in page
    token.refresh_from_db()
    assert token.status == "WAITING"


def test_leaving_twice_leaves_once(schedule):
    token = waiting_fan(schedule)
    browser = browser_of(token.user)

    first = browser.post(room(schedule) + "leave/", follow=True)
    again = browser.post(room(schedule) + "leave/")

    assert "<h1>You have left the line</h1>" in text_of(first)
    assert again["Location"] == room(schedule)
    token.refresh_from_db()
    assert (token.status, token.expired_reason) == ("EXPIRED", "LEFT")


def test_whoever_leaves_from_inside_has_the_next_one_let_in(schedule):
    token = make_active(schedule, since=now())

    browser_of(token.user).post(room(schedule) + "leave/")

    token.refresh_from_db()
    assert (token.status, token.expired_reason) == ("EXPIRED", "LEFT")
    assert enqueuer.wait()
    assert redis_client().exists(pending_key("reservations.tick_admission", schedule.pk))


def test_another_fan_leaves_nobody_elses_place(schedule):
    token = waiting_fan(schedule)

    browser_of(make_fan()).post(room(schedule) + "leave/")

    token.refresh_from_db()
    assert token.status == "WAITING"


def test_nobody_leaves_without_an_account(schedule):
    assert "/accounts/login/" in browser_of().post(room(schedule) + "leave/")["Location"]


def test_the_facts_are_a_second_old_at_most(schedule):
    token = waiting_fan(schedule)
    browser = browser_of(token.user)
    browser.get(room(schedule))
    ConcertSchedule.objects.update(queue_message="Ten minutes late.")

    redis_client().flushdb()
    clear_caches()

    assert "Ten minutes late." in text_of(browser.get(room(schedule)))


# --- Redis is away -----------------------------------------------------------------------------


def test_without_redis_a_new_join_is_asked_to_try_again(schedule):
    browser = browser_of(make_fan())

    with redis_away():
        response = browser.post(room(schedule) + "join/")

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert f'<form method="post" action="{room(schedule)}join/"' in text_of(response)
    assert not WaitingToken.objects.exists()


def test_without_redis_who_waits_goes_on_waiting(schedule):
    token = waiting_fan(schedule, ahead=4)
    browser = browser_of(token.user)

    with redis_away():
        clear_caches()
        page = text_of(browser.get(room(schedule, token=token.token), headers=PART))
        again = browser.post(room(schedule) + "join/")

    assert '<span class="line-number">4</span>' in page
    assert again["Location"] == room(schedule, token=token.token)
