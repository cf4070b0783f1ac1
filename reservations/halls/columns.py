"""A hall as the seat page draws it: columns in place of an object a seat, margins cut, colours that can be told apart.

20,000 seats are some 600 kB as the API gives them, and some 10 kB so. What each column holds is said where it is made;
static/js/seat_data.js reads them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from reservations.halls.areas import STAGE, TEXT_SIZE, Point
from reservations.halls.colours import TRANSPARENT, colour_of
from reservations.halls.drawing import LONGEST_TEXT, area_text, corners, measures, objects, outline
from reservations.halls.grades import grades_in
from reservations.halls.hall import SHARE, seat_radius
from reservations.halls.values import Json, number_of, point_of, text_of

# Places are whole tenths of the plan's unit.
TENTHS = 10
# Areas and labels count for the frame as far as they lie this near to the seats, in shares of how far those reach.
NEAR = 0.5
# JSON of the API: {"layout": {...}, "seats": [...]}.
Content = Mapping[str, Any]
Seats = Sequence[Mapping[str, Any]]


def hall_columns(content: Content) -> dict[str, object]:
    """The hall of a schedule, of the map that the API gives."""
    layout, seats = content["layout"], content["seats"]
    points = [(seat["x"], seat["y"]) for seat in seats]
    pitch = seat_radius(points) / SHARE
    categories = category_columns(layout, seats)
    sections = list(dict.fromkeys(seat["section"] for seat in seats))
    return {
        "layout_version": content["layout_version"],
        "pitch": round(pitch, 2),
        "extent": [round(each, 1) for each in extent(layout, points, pitch)],
        "stage": stage_of(layout),
        "areas": [drawn for area in objects(layout, "areas") if (drawn := drawn_area(area))],
        "labels": list(drawn_labels(layout)),
        "categories": categories,
        "sections": sections,
    } | columns(seats, sections, [str(each["name"]) for each in categories])


# --- Columns of seats ------------------------------------------------------------------------------


def columns(seats: Seats, sections: Sequence[str], categories: Sequence[str]) -> dict[str, object]:
    """The seats in their order.

    `rows`: runs of seats of one row, as section's index, name, how many. `ids`, `x`, `y`: each the difference to the
    one before. `category`, `price`: runs of a value and how many. `label`: for each run of `rows` the first number
    where the labels count on by one, else all of them. `accessible`: the indices of such seats.
    """
    section_of = {name: nth for nth, name in enumerate(sections)}
    category_of = {name: nth for nth, name in enumerate(categories)}
    runs = [list(members) for _, members in groupby(seats, key=lambda seat: (seat["section"], seat["row"]))]
    return {
        "rows": [[section_of[run[0]["section"]], run[0]["row"], len(run)] for run in runs],
        "ids": steps(seat["id"] for seat in seats),
        "x": steps(round(TENTHS * seat["x"]) for seat in seats),
        "y": steps(round(TENTHS * seat["y"]) for seat in seats),
        "category": counted(category_of[seat["category"]] for seat in seats),
        "price": counted(seat["seat_price"] for seat in seats),
        "label": [labels([seat["seat_label"] for seat in run]) for run in runs],
        "accessible": [nth for nth, seat in enumerate(seats) if seat["accessible"]],
    }


def steps(values: Iterable[int]) -> list[int]:
    """Each value's difference to the one before, the first one's to 0."""
    found, last = [], 0
    for value in values:
        found.append(value - last)
        last = value
    return found


def counted(values: Iterable[int]) -> list[int]:
    """Runs: a value, and how many of it follow each other."""
    return [number for value, members in groupby(values) for number in (value, sum(1 for _ in members))]


def labels(texts: Sequence[str]) -> int | list[str]:
    """The first number if the texts count on by one from it, else the texts."""
    first = texts[0]
    if first.isascii() and first.isdecimal() and len(first) < 10:  # noqa: PLR2004  a script counts on exactly
        start = int(first)
        if list(texts) == [str(start + nth) for nth in range(len(texts))]:
            return start
    return list(texts)


# --- Grades ----------------------------------------------------------------------------------------


def category_columns(layout: Mapping[str, object], seats: Seats) -> list[dict[str, object]]:
    return [
        {"name": grade.name, "letter": grade.letter, "light": grade.light, "dark": grade.dark}
        for grade in grades_in(objects(layout, "categories"), seats)
    ]


# --- The frame -------------------------------------------------------------------------------------


def extent(layout: Mapping[str, object], points: Sequence[Point], pitch: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of what is drawn: many plans leave half of their size empty."""
    xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
    seats_box = (min(xs), min(ys), max(xs), max(ys))
    reach = NEAR * max(seats_box[2] - seats_box[0], seats_box[3] - seats_box[1], 4 * pitch)
    around = [*filter(None, map(point_of, objects(layout, "labels")))]
    around += [corner for area in objects(layout, "areas") if is_seen(area) for corner in corners(area)]
    for x, y in around:
        xs.append(min(max(x, seats_box[0] - reach), seats_box[2] + reach))
        ys.append(min(max(y, seats_box[1] - reach), seats_box[3] + reach))
    left, top = min(xs) - pitch, min(ys) - pitch
    return left, top, max(xs) + pitch - left, max(ys) + pitch - top


def is_seen(area: Json) -> bool:
    fills = (colour_of(area.get("color")), colour_of(area.get("border_color")))
    return bool(text_of(area.get("text"))) or any(fill not in {"", TRANSPARENT} for fill in fills)


def stage_of(layout: Mapping[str, object]) -> list[float] | None:
    """The middle of the first area or label that is called a stage."""
    for area in objects(layout, "areas"):
        around = list(corners(area))
        if around and STAGE.search(text_of(area.get("text"))):
            xs, ys = [x for x, _ in around], [y for _, y in around]
            return [round((min(xs) + max(xs)) / 2, 1), round((min(ys) + max(ys)) / 2, 1)]
    for label in objects(layout, "labels"):
        point = point_of(label)
        if point and STAGE.search(text_of(label.get("text"))):
            return [point[0], point[1]]
    return None


# --- Areas and labels ------------------------------------------------------------------------------


def drawn_area(area: Json) -> dict[str, object] | None:
    """An area as a path of points or as an ellipse around its origin, with its text; None if it has no place."""
    origin = point_of(area)
    if origin is None or not is_seen(area):
        return None
    drawn: dict[str, object] = {"x": origin[0], "y": origin[1]}
    if rotation := number_of(area.get("rotation")):
        drawn["rotation"] = rotation
    width, height = measures(area)
    if area.get("shape") in {"circle", "ellipse"}:
        drawn |= {"rx": abs(width) / 2, "ry": abs(height) / 2}
    elif area.get("shape") != "text":
        drawn["points"] = [number for point in outline(area) for number in point]
    return drawn | colours_of(area) | text_on(area)


def colours_of(area: Json) -> dict[str, object]:
    """Fill and stroke, where they can be seen."""
    found = {"fill": colour_of(area.get("color")), "stroke": colour_of(area.get("border_color"))}
    if area.get("shape") == "text":
        return {}
    return {name: colour for name, colour in found.items() if colour not in {"", TRANSPARENT}}


def text_on(area: Json) -> dict[str, object]:
    text, (x, y), size = area_text(area)
    if not text:
        return {}
    ink = colour_of(area.get("text_color"))
    written: dict[str, object] = {"text": text, "tx": x, "ty": y, "size": size}
    return written | ({"ink": ink} if ink not in {"", TRANSPARENT} else {})


def drawn_labels(layout: Mapping[str, object]) -> Iterator[dict[str, object]]:
    for label in objects(layout, "labels"):
        point, text = point_of(label), text_of(label.get("text"))[:LONGEST_TEXT]
        size = number_of(label.get("size")) or TEXT_SIZE
        if point and text and size > 0 and math.isfinite(size):
            yield {"text": text, "x": point[0], "y": point[1], "size": size}
