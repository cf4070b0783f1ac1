"""The hall: on the map by finger and by keyboard, and two fans who want the same seat."""

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import (
    box,
    chosen,
    hold,
    inside,
    pick_by_keyboard,
    tick,
)
from concert_site.tests.browser.visitor import NARROWEST


@pytest.fixture(scope="module")
def show(make_show):
    """A show with room for every test here."""
    return make_show(name="A hall of seats", seats=120, price=50_000)


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


def test_seats_are_chosen_on_the_map_by_finger(arrive, fan, show):
    visitor = inside(arrive, fan, show, size=NARROWEST, has_touch=True, is_mobile=True)
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
