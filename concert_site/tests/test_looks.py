"""The colours of the house keep their contrast, by day and by night (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = (Path(settings.BASE_DIR) / "static/css/frontrow.css").read_text()
TOKEN = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")
DAY, NIGHT = (dict(TOKEN.findall(part)) for part in CSS.split("*, *::before")[0].split("@media (prefers-color-scheme"))
SURFACES = ("paper", "card", "sunk")
# Words and what they stand on, at least 4.5:1; borders of what can be used and its ring, at least 3:1.
WORDS = [(word, on) for word in ("ink", "soft", "accent") for on in SURFACES]
WORDS += [(kind, f"{kind}-soft") for kind in ("good", "warn", "bad")] + [
    ("ink", "accent-soft"),
    ("button-ink", "button"),
]
WORDS += [(word, on) for word in ("stage-ink", "stage-soft", "glow") for on in ("stage", "stage-high")]
EDGES = [(edge, on) for edge in ("edge", "focus", "button") for on in ("paper", "card")]


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def too_faint(colours):
    pairs = [(pair, 4.5) for pair in WORDS] + [(pair, 3.0) for pair in EDGES]
    found = {pair: contrast(*(colours[name] for name in pair)) for pair, _ in pairs}
    return {pair: round(found[pair], 2) for pair, least in pairs if found[pair] < least}


@pytest.mark.parametrize("colours", [DAY, DAY | NIGHT], ids=["day", "night"])
def test_no_colour_is_too_faint_for_what_it_stands_on(colours):
    assert too_faint(colours) == {}


def test_a_colour_that_is_too_faint_is_found():
    assert too_faint(DAY | {"soft": "#9a929e"}).keys() == {("soft", on) for on in SURFACES}


def test_pages_write_no_colour_of_their_own():
    """A page's own file uses tokens; white and black of tickets and drawings aside."""
    own = {path.name: path.read_text() for path in (Path(settings.BASE_DIR) / "static/css").glob("*.css")}

    for name in ("catalogue.css", "tour.css", "bookings.css", "waiting.css", "wallet.css", "accounts.css", "pay.css"):
        colours = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", re.sub(r"/\*.*?\*/", "", own[name], flags=re.DOTALL)))
        assert colours <= {"#fff", "#ffffff", "#000", "#333", "#faf9f7"}, name
