"""The hall: on the map by finger and by keyboard, two fans who want the same seat, and the line before it."""

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import (
    at_the_seats,
    box,
    chosen,
    come_in,
    hold,
    inside,
    pick_by_keyboard,
    tick,
)
from concert_site.tests.browser.visitor import NARROWEST, PHONE


@pytest.fixture(scope="module")
def show(make_show):
    """A show with room for every test here."""
    return make_show(name="A hall of seats", seats=120, price=50_000)


def is_next(visitor):
    """Insist that nobody is before them in line."""
    expect(visitor.page.get_by_role("heading", name="You’re next")).to_be_visible()


def test_seats_are_chosen_on_the_map_by_keyboard(arrive, fan, show):
    visitor = inside(arrive, fan, show)

    pick_by_keyboard(visitor)
    first = visitor.page.evaluate("document.activeElement.ariaLabel")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Enter")
    expect(chosen(visitor)).to_have_count(2)
    second = visitor.page.evaluate("document.activeElement.ariaLabel")

    assert first != second
    assert "row" in first
    visitor.is_content()
    hold(visitor)
    expect(visitor.page.locator(".booked > li")).to_have_count(2)


@pytest.mark.parametrize("size", [PHONE, NARROWEST])
def test_seats_are_chosen_on_the_map_by_finger(arrive, fan, show, size):
    visitor = inside(arrive, fan, show, size=size, has_touch=True, is_mobile=True)
    canvas = visitor.page.locator("#hall-canvas")
    expect(canvas).to_be_visible()

    # The seats of the whole hall are smaller than a fingertip: the first tap comes closer.
    # They lie below the stage, which is in the middle of this hall.
    canvas.scroll_into_view_if_needed()
    place = canvas.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] * 0.6
    visitor.page.touchscreen.tap(x, y)
    for below in range(0, 72, 9):
        # What a tap has chosen shows before the next, and two in quick succession come closer and choose nothing.
        visitor.page.wait_for_timeout(500)
        if chosen(visitor).count():
            break
        visitor.page.touchscreen.tap(x, y + below)

    expect(chosen(visitor)).to_have_count(1)
    visitor.is_content()
    hold(visitor)


def test_of_two_fans_who_want_a_seat_one_is_told_and_takes_the_next(arrive, fans, show):
    first, second = (inside(arrive, next(fans), show, java_script_enabled=False) for _ in range(2))
    wanted, other = tick(second, 2)
    tick(first, 1)

    hold(first)
    # What a page shows of the seats may be a second old.
    second.page.wait_for_timeout(1000)
    second.page.locator("#hold").click()

    second.sees("has just been taken.")
    assert box(second, wanted).count() == 0
    # What is left of the choice is still chosen.
    expect(box(second, other)).to_be_checked()
    second.is_content()
    hold(second)


def test_a_seat_that_is_taken_meanwhile_leaves_the_choice_by_itself(arrive, fans, show):
    first, second = (inside(arrive, next(fans), show) for _ in range(2))
    wanted, other = tick(second, 2)
    tick(first, 1)

    hold(first)

    second.sees("has just been taken.")
    expect(box(second, wanted)).not_to_be_checked()
    expect(box(second, other)).to_be_checked()
    expect(chosen(second)).to_have_count(1)
    second.is_content()


def test_who_waits_in_line_comes_in_by_themselves(arrive, fans, make_show):
    show = make_show(name="A narrow door", seats=10, max_active=1)
    first, second = (inside(arrive, next(fans), show, size=NARROWEST) for _ in range(2))
    at_the_seats(first)
    is_next(second)
    second.is_content()

    first.click("Give up my turn", role="link")
    first.is_content()
    first.click("Give up my turn")

    at_the_seats(second)
    second.is_content()


def test_without_scripts_the_line_is_asked_for_again(arrive, fans, make_show):
    show = make_show(name="A narrow door without scripts", seats=10, max_active=1)
    first = inside(arrive, next(fans), show)
    second = inside(arrive, next(fans), show, size=NARROWEST, java_script_enabled=False)
    is_next(second)
    second.is_content()

    first.click("Give up my turn", role="link")
    first.click("Give up my turn")

    # Such a page asks every five seconds.
    expect(second.page.get_by_role("heading", name="Choose your seats")).to_be_visible(timeout=60_000)
    second.is_content()


def test_a_fan_who_was_never_let_in_can_leave_the_line(arrive, fans, make_show):
    show = make_show(name="A door with a way out", seats=10, max_active=1)
    inside(arrive, next(fans), show)
    second = inside(arrive, next(fans), show, size=NARROWEST)

    second.click("Leave the line", role="link")
    second.is_content()
    second.click("Leave the line")
    second.is_content()

    come_in(second, show)
    is_next(second)
