"""The pages of the waiting room around the opening: before the lobby, in it, while numbers are drawn, and after."""

import json
import re
from datetime import timedelta
from hashlib import sha256
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client as redis_client
from queueing.models import WaitingToken
from queueing.tests.factories import make_fans
from reservations.domain import waiting_room
from reservations.models import Concert, ConcertSchedule
from reservations.tests.browsers import browser_of, text_of
from reservations.tests.factories import make_fan, make_schedule, make_seats

pytestmark = pytest.mark.django_db
PART = {"X-Part": "place"}


@pytest.fixture
def schedule():
    """A sale that opens in ten minutes: its lobby is open."""
    made = make_schedule(reservation_available_at=now() + timedelta(minutes=10), queue_message="Bring <your> ID.")
    make_seats(made, 10)
    return made


def room(schedule, token=None):
    return f"/schedules/{schedule.pk}/queue/" + (f"?token={token}" if token else "")


def attribute(page, name):
    """What stands on the place for the script."""
    found = re.search(rf'{name}="([^"]*)"', page)
    return unescape(found[1]) if found else None


def look_anew():
    """Forget what was remembered of the sale a moment ago."""
    redis_client().flushdb()
    clear_caches()


def gather(schedule, count=1):
    """So many fans in the lobby; the token of the last."""
    fans = make_fans(count)
    WaitingToken.objects.bulk_create(WaitingToken(user=fan, concert_schedule=schedule) for fan in fans)
    return WaitingToken.objects.get(user=fans[-1])


def pass_the_opening(schedule):
    """Ten minutes later: the sale is open, and nobody has drawn yet."""
    opened = now() - timedelta(seconds=1)
    WaitingToken.objects.update(created_at=opened - timedelta(minutes=1))
    ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=opened)
    look_anew()


def draw_numbers(schedule):
    """The opening passes, and the draw is made; a fan who is not let in at once."""
    ConcertSchedule.objects.filter(pk=schedule.pk).update(queue_max_active=0)
    pass_the_opening(schedule)
    assert waiting_room.draw_line(schedule.pk)
    look_anew()


# --- Before the lobby --------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "asks_again"), [(timedelta(hours=3), True), (timedelta(days=3), False)])
def test_before_the_lobby_the_page_names_both_moments(schedule, ahead, asks_again):
    ConcertSchedule.objects.update(reservation_available_at=now() + ahead)

    page = text_of(browser_of(make_fan()).get(room(schedule)))

    assert "<h1>The sale has not opened yet</h1>" in page
    assert "and its waiting room on" in page
    assert "it makes no difference who came first" in page
    assert ("The waiting room opens in" in page) == asks_again
    assert (attribute(page, "data-progress") is not None) == asks_again
    assert ('http-equiv="refresh"' in page) == asks_again


def test_without_a_lobby_the_line_begins_at_the_opening(schedule, settings):
    settings.LOBBY_SECONDS = 0

    page = text_of(browser_of(make_fan()).get(room(schedule)))

    assert "and the line with it. Be here on time." in page
    assert "data-progress" in page


# --- The lobby ---------------------------------------------------------------------------------


def test_the_lobby_invites_who_is_not_in_it(schedule):
    gather(schedule, 3)

    page = text_of(browser_of(make_fan()).get(room(schedule)))

    assert "<h1>The waiting room is open</h1>" in page
    assert "Enter the waiting room</button>" in page
    assert '<dd class="number" data-live="waiting" data-least="0">3</dd>' in page
    assert "Bring &lt;your&gt; ID." in page
    assert re.search(r'<noscript><meta http-equiv="refresh" content="30; url=/schedules/\d+/queue/"></noscript>', page)


def test_who_joins_the_lobby_comes_to_its_page(schedule):
    browser = browser_of(fan := make_fan())

    response = browser.post(room(schedule) + "join/")

    token = WaitingToken.objects.get(user=fan)
    assert response["Location"] == room(schedule, token.token)
    page = text_of(browser.get(response["Location"]))
    assert "<title>You’re in the waiting room · Frontrow" in page
    assert "data-seconds-left" in page
    assert sha256(bytes(ConcertSchedule.objects.get().draw_seed)).hexdigest() in page
    assert "Leave the waiting room</a>" in page
    assert "None" not in page


def test_nothing_of_the_seed_but_its_hash_is_on_the_page(schedule):
    token = gather(schedule)
    seed = bytes(ConcertSchedule.objects.get().draw_seed).hex()

    page = browser_of(token.user).get(room(schedule)).content.decode()
    pass_the_opening(schedule)
    drawing = browser_of(token.user).get(room(schedule)).content.decode()

    assert seed not in page + drawing


def test_lobby_page_counts_the_fan_who_has_just_joined(schedule):
    browser = browser_of(make_fan())
    browser.get(room(schedule))
    browser.post(room(schedule) + "join/")

    assert '<dd class="number" data-live="waiting" data-least="1">1</dd>' in text_of(browser.get(room(schedule)))


def test_near_the_opening_a_page_without_scripts_asks_sooner(schedule):
    token = gather(schedule)
    ConcertSchedule.objects.update(reservation_available_at=now() + timedelta(seconds=12))

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert re.search(rf'http-equiv="refresh" content="1[12]; url={re.escape(room(schedule, token.token))}"', page)


def test_the_lobby_keeps_who_waits_when_the_opening_moves_away(schedule):
    token = gather(schedule)
    ConcertSchedule.objects.update(reservation_available_at=now() + timedelta(days=2))

    page = text_of(browser_of(token.user).get(room(schedule)))

    assert "<h1>You’re in the waiting room</h1>" in page
    assert 'content="30;' in page


def test_leaving_the_lobby_says_that_one_can_come_back(schedule):
    token = gather(schedule)
    browser = browser_of(token.user)

    asked = text_of(browser.get(room(schedule) + "leave/"))
    left = text_of(browser.post(room(schedule) + "leave/", follow=True))

    assert "<h1>Leave the waiting room?</h1>" in asked
    assert "None" not in asked
    assert "You can come back any time before the opening and lose nothing." in left
    assert "Enter the waiting room</button>" in left


# --- The draw ----------------------------------------------------------------------------------


def test_while_numbers_are_drawn_the_page_says_so(schedule):
    token = gather(schedule)
    pass_the_opening(schedule)

    page = text_of(browser_of(token.user).get(room(schedule, token.token)))

    assert '<h1 class="line-next">Numbers are being drawn</h1>' in page
    assert "<title>Numbers are being drawn · Frontrow" in page
    assert f'content="5; url={room(schedule, token.token)}"' in page
    assert json.loads(attribute(page, "data-same"))["state"] == "DRAWING"


def test_the_lobby_brings_along_what_it_shows_next(schedule):
    token = gather(schedule)

    page = text_of(browser_of(token.user).get(room(schedule), headers=PART))

    template = page.partition("<template")[2].partition("</template>")[0]
    assert "Numbers are being drawn · Frontrow" in template
    assert "gets a random number" in template


def test_who_joins_while_numbers_are_drawn_comes_after(schedule):
    gather(schedule)
    pass_the_opening(schedule)
    browser = browser_of(fan := make_fan())

    invited = text_of(browser.get(room(schedule)))
    page = text_of(browser.post(room(schedule) + "join/", follow=True))

    assert "You get one after them." in invited
    assert "Numbers are being drawn</h1>" in page
    assert WaitingToken.objects.get(user=fan).number is None


def test_after_the_draw_who_was_in_it_can_check_their_place(schedule):
    token = gather(schedule, 3)
    draw_numbers(schedule)
    token.refresh_from_db()

    page = text_of(browser_of(token.user).get(room(schedule)))

    entry = sha256(str(token.token).encode()).hexdigest()
    assert f"Your number {token.number} was drawn by lot." in page
    assert f"curl -s http://testserver/api/v1/schedules/{schedule.pk}/draw/ | grep" in page
    assert f"<dd><code>{entry}</code></dd>" in page
    assert bytes(ConcertSchedule.objects.get().draw_seed).hex() in page


def test_the_record_of_the_draw_is_shown_once_it_is_known(schedule):
    token = gather(schedule, 3)
    draw_numbers(schedule)
    listed = b"".join(Client().get(f"/api/v1/schedules/{schedule.pk}/draw/").streaming_content)
    browser = browser_of(token.user)
    browser.get(room(schedule))

    waiting_room.record_draw(schedule.pk)

    clear_caches()
    page = text_of(browser.get(room(schedule)))
    assert sha256(listed.partition(b"\n")[2]).hexdigest() in page
    assert "<dt>Numbers drawn</dt><dd>3</dd>" in page


def test_who_came_after_the_opening_was_in_no_draw(schedule):
    gather(schedule)
    draw_numbers(schedule)
    browser = browser_of(make_fan())

    page = text_of(browser.post(room(schedule) + "join/", follow=True))

    assert "Your number" in page
    assert "Check your place" not in page


# --- Around it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", ["lobby", "drawing", "line"])
def test_a_place_costs_the_account_and_the_token(schedule, panel):
    token = gather(schedule, 3)
    if panel == "drawing":
        pass_the_opening(schedule)
    if panel == "line":
        draw_numbers(schedule)
    browser = browser_of(token.user)
    browser.get(room(schedule, token.token))

    with CaptureQueriesContext(connection) as queries:
        page = text_of(browser.get(room(schedule, token.token), headers=PART))

    assert attribute(page, "data-panel") == panel
    # And the session.
    assert len(queries) == 3


@pytest.mark.parametrize("part", [{}, PART])
def test_who_waited_for_a_concert_that_is_taken_down_reads_that_the_sale_is_closed(schedule, part):
    token = gather(schedule)
    Concert.objects.update(status="UNAVAILABLE")
    look_anew()

    page = text_of(browser_of(token.user).get(room(schedule, token.token), headers=part))

    assert "<h1>The sale is closed</h1>" in page
    assert "data-progress" not in page
    assert f"/concerts/{schedule.concert_id}/" not in page


def test_lobby_page_of_an_unpublished_concert_is_404_to_others(schedule):
    token = gather(schedule)
    Concert.objects.update(status="UNAVAILABLE")
    look_anew()

    assert browser_of(make_fan()).get(room(schedule, token.token)).status_code == 404


@pytest.mark.parametrize("sale_state", ["LOBBY", "UPCOMING"])
def test_other_dates_that_open_later_are_named(schedule, sale_state):
    ConcertSchedule.objects.update(deadline_at=now() + timedelta(minutes=20))
    other = make_schedule(
        schedule.concert, reservation_available_at=now() + timedelta(minutes=10 if sale_state == "LOBBY" else 300)
    )
    make_seats(other, 3)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        reservation_available_at=now() - timedelta(minutes=9), deadline_at=now()
    )

    page = text_of(browser_of(make_fan()).get(room(schedule)))

    assert f'href="{room(other)}"' in page
    assert ("The waiting room is open" in page) == (sale_state == "LOBBY")
