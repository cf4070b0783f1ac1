"""The map on a phone: fingers, a seat that vanishes, and what a canvas can't say by itself."""

import re

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import box, chosen, hold, inside, reserve, tick
from concert_site.tests.browser.visitor import PHONE


@pytest.fixture(scope="module")
def show(make_show):
    """Six blocks of 400 seats, at most four a fan."""
    return make_show(name="A hall for fingers", seats=2_400, price=10_000)


class Fingers:
    """Fingers upon the map of one page, in pixels from the middle of its frame."""

    def __init__(self, visitor):
        self.page = visitor.page
        self.phone = self.page.context.new_cdp_session(self.page)
        frame = self.page.locator("#hall-frame")
        expect(self.page.locator(".hall-sections button").first).to_be_visible()
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()
        self.x, self.y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(self, kind, *points):
        touches = [{"x": self.x + x, "y": self.y + y, "id": nth} for nth, (x, y) in enumerate(points)]
        self.phone.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def drag(self, *ways):
        """One finger or several, each from a place to another."""
        self.touch("touchStart", *(way[0] for way in ways))
        for step in range(1, 11):
            self.touch("touchMove", *(between(*way, step / 10) for way in ways))
            self.page.wait_for_timeout(16)
        self.touch("touchEnd")
        self.page.wait_for_timeout(600)

    def tap(self, x=0, y=0, times=1):
        for _ in range(times):
            self.touch("touchStart", (x, y))
            self.touch("touchEnd")
        # As long as the map waits for a second tap, and flies.
        self.page.wait_for_timeout(900)

    def zoom(self):
        """How many times larger than in the overview the hall is shown."""
        transform = self.page.locator("#hall-canvas").evaluate("each => each.style.transform")
        return float(re.search(r"scale\(([\d.]+)\)", transform)[1])

    def place(self):
        """Where the hall begins, on the screen."""
        transform = self.page.locator("#hall-canvas").evaluate("each => each.style.transform")
        return tuple(map(float, re.search(r"translate\((-?[\d.]+)px, (-?[\d.]+)px\)", transform).groups()))


def between(start, end, share):
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def on_the_map(arrive, fan, show, **options):
    visitor = inside(arrive, fan, show, size=PHONE, has_touch=True, is_mobile=True, **options)
    return visitor, Fingers(visitor)


def test_a_hall_by_finger(arrive, fan, show):
    """Pinch, pan, two kinds of taps, and the page where the map has nothing to give."""
    visitor, fingers = on_the_map(arrive, fan, show)

    fingers.drag(((0, 40), (0, -120)))
    assert visitor.page.evaluate("scrollY") > 0, "the overview keeps no finger"
    visitor.page.evaluate("scrollTo(0, 0)")
    fingers = Fingers(visitor)
    fingers.tap(times=2)
    assert chosen(visitor).count() == 0, "a double tap picks nothing"
    closer = fingers.zoom()
    assert closer > 2
    fingers.drag(((-20, 0), (-110, 0)), ((20, 0), (110, 0)))
    assert fingers.zoom() > closer
    before = fingers.place()
    fingers.drag(((60, 0), (-60, 0)))
    assert fingers.place()[0] < before[0] - 60
    assert chosen(visitor).count() == 0, "moving picks nothing"

    # From the closest it leads back to all of the hall.
    fingers.tap(times=2)
    assert (fingers.zoom(), chosen(visitor).count()) == (1.0, 0)
    fingers.tap(10, 40)
    fingers.tap(5, 5)
    expect(chosen(visitor)).to_have_count(1)
    visitor.is_content()
    bar, frame = (visitor.page.locator(each).bounding_box() for each in ("#bar", "#hall-frame"))
    assert bar["y"] >= frame["y"] + frame["height"] - 1, "the bar covers nothing"
    hold(visitor)


def test_a_seat_that_vanishes_from_the_map_is_said_within_a_second(arrive, fans, show):
    first, fingers = on_the_map(arrive, next(fans), show)
    fingers.tap()
    fingers.tap(5, 5)
    seen = first.page.locator("#notice")

    seat = first.page.locator("#chosen input[name=seats]").get_attribute("value")
    reserve(first, next(fans), show, [int(seat)])

    expect(seen).to_contain_text("has just been taken", timeout=1_500)
    expect(chosen(first)).to_have_count(0)
    first.is_content()


def test_the_map_by_keyboard_says_each_seat_stays_in_its_section_and_leaves_one_grade(arrive, fan, show):
    visitor = inside(arrive, fan, show, size=PHONE)
    page, said = visitor.page, []
    expect(page.locator(".hall-sections button").first).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^B: \d+ seats left, R, from ₩10,000")).focus()
    page.keyboard.press("Enter")

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
            said.append(page.evaluate("document.activeElement.ariaLabel"))
        return said[-1]

    assert press("ArrowRight").startswith("B, row 1, seat 2, ")
    assert press("ArrowDown", "End") == "B, row 2, seat 20, R, ₩10,000, free"
    # The row ends here: the next section isn't in it.
    assert press("ArrowRight") == said[-2]
    assert press("Enter") == "B, row 2, seat 20, R, ₩10,000, chosen"
    assert press("PageDown").startswith("C, row 1, seat 1, ")
    visitor.is_content()

    grade = page.locator(".legend-filter", has_text="₩10,000")
    grade.click()
    expect(grade).to_have_attribute("aria-pressed", "true")
    boxes = [each.bounding_box() for each in page.locator(".legend button, .hall-zoom button:visible").all()]
    assert all(min(box["width"], box["height"]) >= 24 for box in boxes)
    visitor.is_content()
    hold(visitor)


def test_a_seat_that_is_taken_meanwhile_leaves_the_choice_in_the_list_by_itself(arrive, fans, show):
    visitor = inside(arrive, next(fans), show)
    wanted, other = tick(visitor, 2)

    reserve(visitor, next(fans), show, [int(wanted)])

    visitor.sees("has just been taken.")
    expect(box(visitor, wanted)).not_to_be_checked()
    expect(box(visitor, other)).to_be_checked()
    expect(chosen(visitor)).to_have_count(1)
    visitor.is_content()
