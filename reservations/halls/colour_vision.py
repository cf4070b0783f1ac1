"""Grades that everybody tells apart: how colours look to eyes that see fewer of them, and which to use.

A plan's own colours are kept as far as they differ from each other, to every kind of eye and on light and dark pages;
one that doesn't becomes one of a palette that was chosen so. Colours are #rrggbb.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from reservations.halls.colours import in_hex

RGB = tuple[float, float, float]
Matrix = tuple[RGB, RGB, RGB]

# The grounds of frontrow.css (--card), light and dark.
LIGHT, DARK = "#ffffff", "#1a151e"
GROUNDS = (LIGHT, DARK)
# What a seat needs to be seen on its ground (WCAG 1.4.11).
SEEN = 3.0
# From here on two colours are told apart at a glance, in distances of CIELAB (ΔE*ab).
APART = 14.0
# In the order in which they are used; any two are at least 19 apart, the first four 24, on their ground.
PALETTES = {
    LIGHT: ("#be185d", "#8b5cf6", "#701a75", "#0284c7", "#92400e", "#d97706", "#292524", "#4c1d95"),
    DARK: ("#f472b6", "#2563eb", "#fcd34d", "#c2410c", "#86efac", "#78716c", "#16a34a", "#a78bfa"),
}
# What they look like to eyes without one kind of cone, in linear RGB: Machado, Oliveira, Fernandes, "A Physiologically-
# based Model for Simulation of Color Vision Deficiency" (2009), severity 1.0.
VISIONS: dict[str, Matrix] = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def luminance(colour: str) -> float:
    """How bright a colour of ours is, from 0 to 1, as WCAG 2 counts it; how transparent doesn't matter."""
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG 2 counts it."""
    darker, brighter = sorted((luminance(one), luminance(other)))
    return (brighter + 0.05) / (darker + 0.05)


def seen_as(colour: str, vision: str) -> RGB:
    """Lightness, a and b (CIELAB, D65) of a colour to eyes of this kind."""
    linear = _linear(colour)
    seen = [min(1.0, max(0.0, sum(w * c for w, c in zip(row, linear, strict=True)))) for row in VISIONS[vision]]
    return _lab(seen)


def distance(one: str, other: str) -> float:
    """How far two colours are apart to the eyes that tell them apart worst."""
    return min(math.dist(seen_as(one, vision), seen_as(other, vision)) for vision in VISIONS)


def told_apart(colours: Sequence[str], ground: str) -> list[str]:
    """Colours for these grades on a ground, each as its plan has it if that can be told from those before it.

    If too many of them are alike, all come from the palette, and begin anew after its last.
    """
    shown: list[str] = []
    for colour in (seen_on(each, ground) for each in colours):
        shown.append(colour if nearest(colour, shown) >= APART else max(PALETTES[ground], key=_room_beside(shown)))
    if least_distance(shown) >= APART:
        return shown
    palette = PALETTES[ground]
    return [palette[nth % len(palette)] for nth in range(len(colours))]


def nearest(colour: str, others: Iterable[str]) -> float:
    """How far the colour is from the one of the others that is most like it."""
    return min((distance(colour, other) for other in others), default=math.inf)


def least_distance(colours: Sequence[str]) -> float:
    return min((distance(one, other) for one, other in combinations(colours, 2)), default=math.inf)


def _room_beside(shown: Sequence[str]) -> Callable[[str], float]:
    return lambda colour: nearest(colour, shown)


def seen_on(colour: str, ground: str) -> str:
    """The colour, moved towards white or black until it stands out from the ground."""
    target = 255 if luminance(ground) < 0.3 else 0  # noqa: PLR2004  darker than a middle grey
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    while contrast(in_hex(*channels), ground) < SEEN:
        channels = [round(channel + (target - channel) * 0.08) for channel in channels]
    return in_hex(*channels)


def _linear(colour: str) -> list[float]:
    """Red, green and blue of a colour, from 0 to 1, as light adds up."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]  # noqa: PLR2004  the constants of sRGB


def _lab(linear: Sequence[float]) -> RGB:
    red, green, blue = linear
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (math.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))  # noqa: PLR2004  CIE's
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
