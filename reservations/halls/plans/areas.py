"""The areas of a plan. They are decoration: what can't be drawn is left out and counted, not refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reservations.halls.areas import TEXT_SIZE, Area, AreaText, Label, Point, Shape, stage_in
from reservations.halls.colours import AREA_COLOR, colour_of
from reservations.halls.hall import PITCH
from reservations.halls.plans.seats import FileRow, FileSeat
from reservations.halls.values import Json, number_of, point_of, text_of

# Every fan loads the map.
MOST_AREAS = 2_000
MOST_POINTS = 20_000
LONGEST_TEXT = 200
LARGEST_TEXT = 2_000.0
ROW_NAME_SIZE = 10.0


@dataclass(slots=True)
class AreasRead:
    """The areas that were read, and how many were left out."""

    areas: list[Area] = field(default_factory=list)
    points: int = 0
    left_out: int = 0

    def add(self, raw: Json, origin: Point) -> None:
        area = read_area(raw, origin)
        points = len(area.points) if area else 0
        if area is None or len(self.areas) >= MOST_AREAS or self.points + points > MOST_POINTS:
            self.left_out += 1
        else:
            self.areas.append(area)
            self.points += points

    def stage(self) -> Point | None:
        """The middle of the first area that is called a stage."""
        return stage_in(self.areas)


def read_area(raw: Json, origin: Point) -> Area | None:
    """An area; None if it has no shape, no size, or is a text that says nothing."""
    point, measures = point_of(raw.get("position") or {"x": 0, "y": 0}), measures_of(raw)
    if point is None or measures is None:
        return None
    width, height, points = measures
    written, shape = written_on(raw.get("text"), (width / 2, height / 2)), shape_of(raw)
    if shape == Shape.TEXT and not written:
        return None
    return Area(
        x=round(origin[0] + point[0], 4),
        y=round(origin[1] + point[1], 4),
        width=width,
        height=height,
        text=written.text if written else "",
        color=colour_of(raw.get("color")) or AREA_COLOR,
        shape=Shape(shape),
        rotation=(number_of(raw.get("rotation")) or 0.0) % 360,
        border_color=colour_of(raw.get("border_color")),
        points=points,
        written=written,
    )


def shape_of(raw: Json) -> str:
    """The shape that a file names. Plans of the format's first version name none: all their areas are rectangles."""
    return text_of(raw.get("shape")) or Shape.RECTANGLE


def measures_of(raw: Json) -> tuple[float, float, tuple[Point, ...]] | None:
    """Width, height, points: whichever of them the shape has."""
    shape = shape_of(raw)
    if shape == Shape.TEXT:
        return 0.0, 0.0, ()
    if shape not in list(Shape):
        return None
    # As in the format's first version, where an area has its width and height itself.
    inner = raw.get(shape, raw)
    measures = inner if isinstance(inner, dict) else {}
    if shape == Shape.POLYGON:
        return polygon(measures)
    if shape == Shape.RECTANGLE:
        size = number_of(measures.get("width")), number_of(measures.get("height"))
    elif shape == Shape.CIRCLE:
        size = (number_of(measures.get("radius")),) * 2
    else:
        size = point_of(measures.get("radius")) or (None, None)
    width, height = size
    if width is None or height is None or min(width, height) <= 0:
        return None
    return (width, height, ()) if shape == Shape.RECTANGLE else (2 * width, 2 * height, ())


def polygon(measures: Json) -> tuple[float, float, tuple[Point, ...]] | None:
    """The points of a polygon, if they enclose something."""
    listed = measures.get("points")
    points = [point_of(point) for point in listed] if isinstance(listed, list) and len(listed) <= MOST_POINTS else []
    found = tuple(point for point in points if point is not None)
    return (0.0, 0.0, found) if len(found) == len(points) and len(set(found)) > 2 else None  # noqa: PLR2004  a triangle


def written_on(raw: object, middle: Point) -> AreaText | None:
    """What is written on an area; None if nothing is. In the format's first version it was the bare text."""
    if isinstance(raw, str):
        raw = {"text": raw, "position": {"x": middle[0], "y": middle[1]}}
    if not isinstance(raw, dict) or not (text := text_of(raw.get("text"))):
        return None
    x, y = point_of(raw.get("position")) or (0.0, 0.0)
    size = number_of(raw.get("size")) or TEXT_SIZE
    return AreaText(text[:LONGEST_TEXT], x, y, colour_of(raw.get("color")), min(max(size, 1.0), LARGEST_TEXT))


# --- Names of rows ---------------------------------------------------------------------------------


def row_end_labels(rows: Iterable[FileRow], scale: float) -> list[Label]:
    """The names of rows at those ends where the plan shows them, one seat's distance away."""
    labels, pitch, size = [], PITCH * scale, ROW_NAME_SIZE * scale
    for row in rows:
        if row.number and row.seats and row.ends in {"start", "left", "both"}:
            labels.append(beyond(row.seats[0], row.seats[1:2], row.number, -pitch, size))
        if row.number and row.seats and row.ends in {"end", "right", "both"}:
            labels.append(beyond(row.seats[-1], row.seats[-2:-1], row.number, pitch, size))
    return labels


def beyond(end: FileSeat, neighbours: list[FileSeat], text: str, otherwise: float, size: float) -> Label:
    """A label beyond the end of a row: as far from its last seat as that is from its neighbour."""
    dx, dy = (end.x - neighbours[0].x, end.y - neighbours[0].y) if neighbours else (otherwise, 0.0)
    return Label(text, round(end.x + dx, 4), round(end.y + dy, 4), round(size, 4))
