"""A pen that writes SVG: elements, and the curves that the demo's posters are made of."""

from collections.abc import Iterable
from math import cos, pi, sin
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT = 600, 800
SANS = "system-ui, 'Apple SD Gothic Neo', 'Noto Sans KR', 'Noto Sans CJK KR', 'Malgun Gothic', sans-serif"
SERIF = "'Noto Serif KR', 'Noto Serif CJK KR', AppleMyungjo, Batang, Georgia, 'Times New Roman', serif"


def tag(name: str, *children: str, **attributes: object) -> str:
    """An element. `stroke_width=2` is the attribute stroke-width; children are SVG already."""
    said = "".join(f" {key.strip('_').replace('_', '-')}={quoteattr(show(value))}" for key, value in attributes.items())
    inside = "".join(children)
    return f"<{name}{said}>{inside}</{name}>" if inside else f"<{name}{said}/>"


def show(value: object) -> str:
    """A number without needless digits; anything else as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def poster(title: str, *children: str) -> str:
    """A poster, three wide and four high, that says what it is to those who can't see it."""
    return tag(
        "svg",
        tag("title", escape(title)),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
    )


def gradient(name: str, *stops: tuple[float, str], **attributes: object) -> str:
    """A linear gradient, from above to below unless told otherwise: parts of the way, and their colors."""
    where: dict[str, object] = {"x1": 0, "y1": 0, "x2": 0, "y2": 1} | attributes
    return tag("linearGradient", *_stops(stops), id=name, **where)


def glow(name: str, *stops: tuple[float, str, float]) -> str:
    """A gradient from the middle outwards: parts of the way, colors, and how opaque they are."""
    inside = [tag("stop", offset=at, stop_color=color, stop_opacity=opacity) for at, color, opacity in stops]
    return tag("radialGradient", *inside, id=name)


def _stops(stops: Iterable[tuple[float, str]]) -> list[str]:
    return [tag("stop", offset=f"{at:g}", stop_color=color) for at, color in stops]


def sheet(fill: str) -> str:
    """The whole poster in one color."""
    return tag("rect", width=WIDTH, height=HEIGHT, fill=fill)


def words(text: str, x: float, y: float, size: float, fill: str, **attributes: object) -> str:
    """A line of text, from the left unless told otherwise."""
    look: dict[str, object] = {"font_family": SANS} | attributes
    return tag("text", escape(text), x=x, y=y, font_size=size, fill=fill, **look)


def polar(x: float, y: float, radius: float, turn: float) -> tuple[float, float]:
    """The point at this distance and direction; a whole turn is 1, and begins on the right, clockwise."""
    return x + radius * cos(turn * 2 * pi), y + radius * sin(turn * 2 * pi)


def arc(x: float, y: float, radius: float, start: float, end: float, **attributes: object) -> str:
    """A part of a circle's line."""
    (x1, y1), (x2, y2) = polar(x, y, radius, start), polar(x, y, radius, end)
    is_long = int(end - start > 1 / 2)
    line = f"M{x1:.1f} {y1:.1f}A{radius:.1f} {radius:.1f} 0 {is_long} 1 {x2:.1f} {y2:.1f}"
    return tag("path", d=line, fill="none", **attributes)


def wave(y: float, height: float, length: float, shift: float, **attributes: object) -> str:
    """The surface of water: a wave across the poster, filled down to its lower edge."""
    step = length / 2
    line = [f"M{-length - shift:.1f} {y:.1f}q{step / 2:.1f} {-height:.1f} {step:.1f} 0"]
    line += [f"t{step:.1f} 0"] * (int((WIDTH + 2 * length) / step) + 1)
    return tag("path", d="".join(line) + f"V{HEIGHT}H{-length - shift:.1f}Z", **attributes)
