"""A hall as a picture: one SVG, of any layout and any seats, for pages and the admin.

A seat is a point of a path with round ends, so that a category is one element and 20,000 seats stay small. It has
attributes and no style, for the pages' Content-Security-Policy, and no background: it takes the colour of the text
around it, and outlines what a light or a dark page would swallow.

Layouts come out of the database, where anything may once have been written: nothing of it gets into the picture
but numbers, colours in one notation, and escaped text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reservations.halls.areas import TEXT_SIZE, Point, Shape, turned
from reservations.halls.colour_vision import contrast, luminance
from reservations.halls.colours import AREA_COLOR, TRANSPARENT, category_colour, colour_of
from reservations.halls.hall import Hall, seat_radius
from reservations.halls.values import Json, number_of, point_of, text_of

# x, y, and the name of the category.
Dot = tuple[float, float, str]

OUTLINE = "#71717a"
# Beyond these a colour is hardly seen on a light or on a dark page.
TOO_BRIGHT, TOO_DARK = 0.75, 0.03
READABLE = 4.5
LONGEST_TEXT = 200


def draw_hall(hall: Hall, title: str) -> SafeString:
    return draw(hall.layout(), [(seat.x, seat.y, seat.category.name) for seat in hall.seats], title)


def draw(layout: Mapping[str, object], dots: Sequence[Dot], title: str) -> SafeString:
    """The picture of a schedule: its layout, and place and category of its seats. `title` is read aloud."""
    radius = seat_radius([(x, y) for x, y, _ in dots])
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{}" role="img" aria-label="{}"'
        ' fill="currentColor" font-family="system-ui, sans-serif" text-anchor="middle"><title>{}</title>{}{}{}</svg>',
        view_box(layout, dots, radius),
        text_of(title),
        text_of(title),
        joined(draw_area(area) for area in objects(layout, "areas")),
        joined(draw_seats(dots, colours(layout), radius)),
        joined(draw_label(label) for label in objects(layout, "labels")),
    )


def joined(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", [(part,) for part in parts])


def objects(layout: Mapping[str, object], key: str) -> Iterator[Json]:
    found = layout.get(key)
    return (entry for entry in found if isinstance(entry, dict)) if isinstance(found, list) else iter(())


def short(number: float) -> str:
    """A number with at most one decimal."""
    return f"{round(number, 1) + 0.0:g}" if abs(number) < 100_000 else str(round(number))  # noqa: PLR2004  %g keeps 6 digits


def view_box(layout: Mapping[str, object], dots: Sequence[Dot], radius: float) -> str:
    """The frame of the picture: around all that is drawn. Many plans leave half of their size empty."""
    around = [*((x, y) for x, y, _ in dots), *filter(None, map(point_of, objects(layout, "labels")))]
    around += [corner for area in objects(layout, "areas") for corner in corners(area)]
    xs, ys = [x for x, _ in around] or [0.0], [y for _, y in around] or [0.0]
    margin = 2 * radius
    left, top = min(xs) - margin, min(ys) - margin
    return " ".join(map(short, (left, top, max(xs) + margin - left, max(ys) + margin - top)))


def corners(area: Json) -> Iterator[Point]:
    origin = point_of(area)
    return turned(outline(area), origin, number_of(area.get("rotation")) or 0.0) if origin else iter(())


def outline(area: Json) -> Iterable[Point]:
    """Points around an area, counted from its own, before it is turned."""
    if area.get("shape") == Shape.POLYGON:
        return filter(None, map(point_of, objects(area, "points")))
    width, height = measures(area)
    left, top = (0.0, 0.0) if area.get("shape") == Shape.RECTANGLE else (-width / 2, -height / 2)
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


# --- Seats -----------------------------------------------------------------------------------------


def colours(layout: Mapping[str, object]) -> dict[str, str]:
    kinds = enumerate(objects(layout, "categories"))
    return {str(kind.get("name")): category_colour(kind.get("color"), nth) for nth, kind in kinds}


def draw_seats(dots: Iterable[Dot], known: Mapping[str, str], radius: float) -> Iterator[SafeString]:
    """One path a category; two where its colour could be swallowed by the page."""
    by_category: dict[str, list[Point]] = {}
    for x, y, category in dots:
        by_category.setdefault(category, []).append((x, y))
    for category, points in by_category.items():
        color, path = known.get(category, OUTLINE), path_of(points)
        if not TOO_DARK < luminance(color) < TOO_BRIGHT:
            yield draw_path(path, OUTLINE, 2.3 * radius)
        yield draw_path(path, color, 2 * radius)


def draw_path(path: str, color: str, width: float) -> SafeString:
    return format_html('<path d="{}" stroke="{}" stroke-width="{}" stroke-linecap="round"/>', path, color, short(width))


def path_of(points: Sequence[Point]) -> str:
    """Points as a path of strokes without length, each from the one before: a few letters a seat."""
    steps, at = [], (0.0, 0.0)
    for x, y in points:
        # Steps between rounded places, so that roundings don't add up along a row of a thousand.
        here = (round(x, 1), round(y, 1))
        steps.append(f"m{short(here[0] - at[0])} {short(here[1] - at[1])}h0")
        at = here
    return "".join(steps)


# --- Areas and labels ------------------------------------------------------------------------------


def draw_area(area: Json) -> SafeString:
    """An area with its text; nothing if it has no place."""
    origin = point_of(area)
    if origin is None:
        return SafeString()
    fill = colour_of(area.get("color")) or AREA_COLOR
    turn = f"translate({short(origin[0])} {short(origin[1])}) rotate({short(number_of(area.get('rotation')) or 0)})"
    return format_html('<g transform="{}">{}{}</g>', turn, draw_shape(area, fill), draw_area_text(area, fill))


def draw_shape(area: Json, fill: str) -> SafeString:
    look = format_html('fill="{}" stroke="{}"', none(fill), none(colour_of(area.get("border_color")) or OUTLINE))
    width, height = measures(area)
    shape = area.get("shape")
    if shape == Shape.POLYGON:
        points = " ".join(f"{short(x)},{short(y)}" for x, y in filter(None, map(point_of, objects(area, "points"))))
        return format_html('<polygon points="{}" {}/>', points, look)
    if shape == Shape.TEXT or width <= 0 or height <= 0:
        return SafeString()
    if shape == Shape.RECTANGLE:
        return format_html('<rect width="{}" height="{}" {}/>', short(width), short(height), look)
    return format_html('<ellipse rx="{}" ry="{}" {}/>', short(width / 2), short(height / 2), look)


def none(colour: str) -> str:
    """Transparent, in SVG's word."""
    return "none" if colour == TRANSPARENT else colour


def measures(area: Json) -> tuple[float, float]:
    if area.get("shape") == Shape.RECTANGLE:
        return number_of(area.get("width")) or 0.0, number_of(area.get("height")) or 0.0
    radius = area.get("radius")
    across = number_of(area.get("radius_x", radius)) or 0.0, number_of(area.get("radius_y", radius)) or 0.0
    return 2 * across[0], 2 * across[1]


def area_text(area: Json) -> tuple[str, Point, float]:
    """What is written on an area, where and how large: at its place if it has one, else in the middle."""
    width, height = measures(area)
    is_rectangle = area.get("shape") == Shape.RECTANGLE
    x, y = (width / 2, height / 2) if is_rectangle else (0.0, 0.0)
    x, y = number_of(area.get("text_x", x)) or 0.0, number_of(area.get("text_y", y)) or 0.0
    size = number_of(area.get("text_size")) or (min(height * 0.4, 2 * TEXT_SIZE) if is_rectangle else TEXT_SIZE)
    return text_of(area.get("text"))[:LONGEST_TEXT], (x, y), size


def draw_area_text(area: Json, fill: str) -> SafeString:
    is_plain = area.get("shape") == Shape.TEXT or fill == TRANSPARENT
    return draw_text(*area_text(area), "currentColor" if is_plain else text_colour(area.get("text_color"), fill))


def text_colour(asked: object, fill: str) -> str:
    """The colour of a text on an area: the one asked for if it can be read there."""
    colour = colour_of(asked)
    if colour not in {"", TRANSPARENT} and contrast(colour, fill) >= READABLE:
        return colour
    return max("#ffffff", "#18181b", key=lambda ours: contrast(ours, fill))


def draw_label(label: Json) -> SafeString:
    """A label; nothing if it has no place."""
    point = point_of(label)
    return (
        draw_text(text_of(label.get("text")), point, number_of(label.get("size")) or TEXT_SIZE)
        if point
        else SafeString()
    )


def draw_text(text: str, point: Point, size: float, color: str = "currentColor") -> SafeString:
    if not text or size <= 0:
        return SafeString()
    # Letters stand on their line: a third of their size below the middle. Not every reader knows dominant-baseline.
    place = format_html('x="{}" y="{}" font-size="{}"', short(point[0]), short(point[1] + size / 3), short(size))
    return format_html('<text {} fill="{}">{}</text>', place, color, text[:LONGEST_TEXT])
