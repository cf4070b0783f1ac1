"""The waiting page in browsers: it moves on by itself, and nothing gets lost on the way."""

import itertools
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from playwright.sync_api import expect

from concert_site.tests.browser.journey import LOBBY_SECONDS, ask, at_the_seats, join, known
from concert_site.tests.browser.visitor import NARROWEST
from queueing.api.serializers import progress_out
from queueing.facts import LineMeasurement, TokenView
from queueing.pace import MOST_MINUTES
from queueing.page import NEAR_AHEAD, waiting_page
from queueing.tests.factories import make_snapshot

PROGRESS = re.compile(r"/api/v1/schedules/\d+/queue/$")
PLACE = re.compile(r"/schedules/\d+/queue/(\?|$)")


@dataclass
class Asked:
    """What a tab has asked the site for."""

    progress: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @classmethod
    def by(cls, page):
        asked = cls()
        page.on("request", asked.note)
        return asked

    def note(self, request):
        path = request.url.partition("/")[2]
        if PROGRESS.search(path):
            self.progress.append(path)
        elif PLACE.search(path) and "x-part" in request.headers:
            self.places.append(path)


@pytest.fixture
def line(arrive, fans, make_show):
    """A line in front of one slot: a function that lets go of who is inside, and so many fans behind, as asked for."""

    def stand(name, behind):
        show = make_show(name=name, seats=10, max_active=1)
        first, *others = (next(fans) for _ in range(1 + behind))
        waiting = [known(arrive, fan, NARROWEST) for fan in others]
        place = f"queue-tokens/{join(waiting[0], first, show)['token']}/"
        ask(waiting[0], first, f"{place}enter/")
        for fan, visitor in zip(others, waiting, strict=True):
            join(visitor, fan, show)
            visitor.go(f"schedules/{show['schedule']}/queue/")
            expect(visitor.page.locator("#line[data-number]")).to_be_visible()
            visitor.fan = fan
            visitor.is_content()
        return lambda: ask(waiting[0], first, place, method="DELETE"), *waiting

    return stand


def second_tab(visitor):
    """The same page in another tab of the same browser."""
    tab = visitor.page.context.new_page()
    tab.goto(visitor.page.url)
    return tab


def give_up(visitor):
    """Leave, by way of the question whether one means it."""
    for role in ("link", "button"):
        visitor.page.get_by_role(role, name=re.compile("^(Leave the line|Give up my turn)$")).click()
        visitor.page.wait_for_load_state()
        visitor.is_content()
    visitor.sees("You have left the line.")


def is_next(page):
    """Insist that nobody is before them in line."""
    expect(page.get_by_role("heading", name="You’re next")).to_be_visible()


def test_every_tab_asks_for_itself_and_moves_on(line):
    leave_first, second, third = line("Two tabs", 2)
    tab = second_tab(third)
    asked = [Asked.by(third.page), Asked.by(tab)]

    tab.wait_for_timeout(5000)
    assert [each.places for each in asked] == [[], []]
    assert all(2 <= len(each.progress) <= 6 for each in asked)

    give_up(second)
    for page in (third.page, tab):
        is_next(page)
        expect(page.locator("#news")).to_have_text("You’re next.")
    assert [len(each.places) for each in asked] == [1, 1]

    leave_first()
    for page in (third.page, tab):
        expect(page.get_by_role("heading", name="Choose your seats")).to_be_visible()
    third.is_content()


def test_a_visit_that_is_over_and_a_lost_connection_lead_back_to_the_same_place(line):
    leave_first, second, third = line("A forgotten login, and a tunnel", 2)
    number = third.page.locator("#line").get_attribute("data-number")
    third.page.context.clear_cookies(name="sessionid")

    give_up(second)

    expect(third.page.locator("[name=login]")).to_be_visible()
    third.page.locator("[name=login]").fill(third.fan["email"])
    third.page.locator("[name=password]").fill(third.fan["password"])
    third.page.locator("[name=password]").press("Enter")
    is_next(third.page)
    assert third.page.locator("#line").get_attribute("data-number") == number

    asked = Asked.by(third.page)
    third.page.context.set_offline(True)
    expect(third.page.locator("#lost")).to_be_visible(timeout=60_000)
    leave_first()

    third.page.context.set_offline(False)

    at_the_seats(third)
    assert len(asked.progress) < 15
    third.complaints = [each for each in third.complaints if "ERR_INTERNET_DISCONNECTED" not in each]


def test_a_crowd_need_not_ask_for_what_it_sees_while_numbers_are_drawn(arrive, fan, make_show):
    show = make_show(name="A long draw", seats=10, opens_in=600)
    visitor = arrive()
    visitor.be(fan["email"], fan["password"])
    visitor.go(f"schedules/{show['schedule']}/queue/")
    visitor.page.get_by_role("button", name="Enter the waiting room").click()
    expect(visitor.page.get_by_role("heading", name="You’re in the waiting room")).to_be_visible()
    asked = Asked.by(visitor.page)
    # A draw of a few takes no time: the site's own answer, as if there were a million.
    drawing = {"state": "DRAWING", "hints": {"minutes": [], "reach": 10, "poll_after": None, "spread": 0.0}}
    visitor.page.route(PROGRESS, lambda route: route.fulfill(json=route.fetch().json() | drawing))

    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(visitor.page.get_by_role("heading", name="Numbers are being drawn")).to_be_visible()
    expect(visitor.page).to_have_title("Numbers are being drawn · Frontrow")
    visitor.page.wait_for_timeout(4000)
    assert asked.places == []
    assert len(asked.progress) >= 2
    visitor.is_content()


def test_in_the_lobby_a_page_without_scripts_goes_on_by_itself(arrive, fan, make_show):
    visitor = known(arrive, fan, NARROWEST, java_script_enabled=False)
    show = make_show(name="A lobby without scripts", seats=10, opens_in=LOBBY_SECONDS)
    visitor.go(f"schedules/{show['schedule']}/queue/")
    visitor.page.get_by_role("button", name="Enter the waiting room").click()
    expect(visitor.page.get_by_role("heading", name="You’re in the waiting room")).to_be_visible()
    visitor.is_content()

    expect(visitor.page.get_by_role("heading", name="Choose your seats")).to_be_visible(timeout=60_000)


def test_the_sound_is_off_until_asked_for_and_the_title_of_the_seats_calls_who_looks_elsewhere(line):
    leave_first, second = line("A sound", 1)
    switch = second.page.get_by_label("Play a sound when it’s my turn")
    expect(switch).not_to_be_checked()

    switch.check()
    second.page.reload()

    expect(switch).to_be_checked()
    # A page that has just come may not sound yet, and says so.
    expect(second.page.locator("#sound-hint")).to_contain_text("Tap this page once")
    second.page.locator("h1").click()
    expect(second.page.locator("#sound-hint")).to_have_text("")
    second.is_content()

    second.page.context.add_init_script("""
      if (location.pathname.endsWith("/seats/"))
        Object.defineProperty(Document.prototype, "hidden", {configurable: true, get: () => true});
    """)

    leave_first()

    at_the_seats(second)
    expect(second.page).to_have_title("It’s your turn!")
    second.page.evaluate("""
      Object.defineProperty(Document.prototype, "hidden", {get: () => false});
      document.dispatchEvent(new Event("visibilitychange"));
    """)
    expect(second.page).to_have_title("Choose your seats · Frontrow")


# --- What the script reads off the progress ------------------------------------------------------

# In and out as one text: Playwright's own way takes a hundred thousand values one by one.
READ = """async (text) => {
  const { factsOf, fits, numbersFor } = await import("/static/js/waiting_progress.js");
  const [places, answers] = JSON.parse(text);
  return JSON.stringify(places.map((dataset) => {
    const facts = factsOf({ dataset });
    return answers.map((answer) => {
      const { ahead, about, minutes } = numbersFor(facts, answer);
      return [fits(facts, answer), ahead, about, minutes ?? null];
    });
  }));
}"""


def snapshot_with(serving, speed, seats_left, state):
    """A snapshot of a line."""
    held_up = {"OPEN": {}, "PAUSED": {"is_paused": True}, "DRAWING": {}}[state]
    line = LineMeasurement(serving, 900, 800, speed, has_lobby=state == "DRAWING")
    return make_snapshot(line, message="Ten minutes late.", seats_left=seats_left, **held_up)


def shown_by(page):
    """What a place shows: which sentences, whatever their numbers are; how many are ahead; about how many; minutes."""
    minutes = None if page.minutes is None else min(page.minutes, 2)
    is_near = page.ahead <= NEAR_AHEAD
    sentences = page.snapshot.state, min(page.ahead, 2), is_near, minutes, page.has_too_few_seats
    is_told = page.minutes is not None and page.minutes <= MOST_MINUTES
    return sentences, page.ahead, page.about_ahead, page.minutes if is_told else None


def test_the_script_keeps_a_place_exactly_while_the_server_would_write_the_same(arrive):
    speeds, states = (None, 0.4, 30.0, 499.9, 5000.0), ("OPEN", "PAUSED", "DRAWING")
    all_of = itertools.product((0, 90, 478, 479, 497, 498, 499), speeds, (0, 1, 300), states)
    seen = [snapshot_with(*each) for each in all_of]
    token = TokenView(UUID(int=1), 1, "WAITING", 500, datetime(2031, 5, 1, tzinfo=UTC), None, None, None)
    pages = [waiting_page(each, token) for each in seen]
    answers = [progress_out(each) for each in seen]
    shown = [shown_by(each) for each in pages]
    written = [
        {"progress": "/", "place": "/", "same": page.same, "within": page.within, "about": page.about}
        | {"before": str(page.last_before), "pollAfter": "1"}
        for page in pages[::7]
    ]
    visitor = arrive()
    visitor.go("")

    all_read = json.loads(visitor.page.evaluate(READ, json.dumps([written, answers], cls=DjangoJSONEncoder)))

    for read, (sentences, stood, *_) in zip(all_read, shown[::7], strict=True):
        # The table of a place begins where its line stood.
        expected = [
            [others == sentences, ahead, about if ahead <= stood else None, minutes]
            for others, ahead, about, minutes in shown
        ]
        assert read == expected
