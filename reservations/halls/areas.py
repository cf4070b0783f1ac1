"""What is on a map besides seats: the stage, the bar, a wall, a name."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

STAGE_COLOR = "#3f3f46"
# The word, not a part of one: a backstage is no stage.
STAGE = re.compile(
    r"\b(stage|bühne|buehne|scène|scena|escenario|palco|palcoscenico|podium)\b|무대|舞台|ステージ", re.IGNORECASE
)
TEXT_SIZE = 16.0
# x and y.
Point = tuple[float, float]


class Shape(StrEnum):
    """The outline of an area."""

    RECTANGLE = "rectangle"
    CIRCLE = "circle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class AreaText:
    """What is written on an area, centred on a point that is counted from the area's own."""

    text: str
    x: float
    y: float
    color: str = ""
    size: float = TEXT_SIZE

    def as_json(self) -> dict[str, object]:
        written = {"text": self.text, "text_x": self.x, "text_y": self.y, "text_size": self.size}
        return written | ({"text_color": self.color} if self.color else {})


@dataclass(frozen=True, slots=True)
class Area:
    """Something on the map that is no seat.

    `x` and `y` are the top left corner of a rectangle, the centre of a circle or an ellipse, the origin of a
    polygon's `points`, the point of a text; around it the whole is turned by `rotation`, in degrees clockwise.
    An ellipse and a circle fill `width` and `height`. `written` places the text more exactly than `text`,
    which is in the middle.
    """

    x: float
    y: float
    width: float
    height: float
    text: str
    color: str = STAGE_COLOR
    shape: Shape = Shape.RECTANGLE
    rotation: float = 0
    border_color: str = ""
    points: tuple[Point, ...] = ()
    written: AreaText | None = None

    def as_json(self) -> dict[str, object]:
        place = {"shape": str(self.shape), "x": self.x, "y": self.y} | self.measures()
        look: dict[str, object] = {"rotation": self.rotation, "color": self.color, "text": self.text}
        if self.border_color:
            look["border_color"] = self.border_color
        return place | look | (self.written.as_json() if self.written else {})

    def measures(self) -> dict[str, object]:
        if self.shape == Shape.RECTANGLE:
            return {"width": self.width, "height": self.height}
        if self.shape == Shape.CIRCLE:
            return {"radius": self.width / 2}
        if self.shape == Shape.ELLIPSE:
            return {"radius_x": self.width / 2, "radius_y": self.height / 2}
        if self.shape == Shape.POLYGON:
            return {"points": [{"x": x, "y": y} for x, y in self.points]}
        return {}

    def outline(self) -> tuple[Point, ...]:
        """Points around it, counted from its own, before it is turned."""
        if self.shape == Shape.POLYGON:
            return self.points
        if self.shape == Shape.TEXT:
            return ((0.0, 0.0),)
        left, top = (0.0, 0.0) if self.shape == Shape.RECTANGLE else (-self.width / 2, -self.height / 2)
        right, bottom = left + self.width, top + self.height
        return ((left, top), (right, top), (right, bottom), (left, bottom))


def turned(outline: Iterable[Point], around: Point, rotation: float) -> Iterator[Point]:
    """Points that are counted from `around`, as they lie on the map: turned by `rotation` degrees clockwise."""
    angle = math.radians(rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    for x, y in outline:
        yield around[0] + x * cos - y * sin, around[1] + x * sin + y * cos


def stage_in(areas: Iterable[Area]) -> Point | None:
    """The middle of the first area that is called a stage."""
    return next((middle_of(area) for area in areas if STAGE.search(area.text)), None)


def stage_in_layout(layout: Mapping[str, Any]) -> Point:  # Any: JSON
    """The middle of the stage of a map as a schedule keeps it; without one, the middle of the upper edge."""
    areas = (area_from(raw) for raw in layout.get("areas", []) if STAGE.search(str(raw.get("text", ""))))
    return stage_in(areas) or (layout.get("size", {}).get("width", 0.0) / 2, 0.0)


def area_from(raw: Mapping[str, Any]) -> Area:  # Any: JSON
    """The place and the outline of an area as a schedule keeps it."""
    shape = Shape(raw["shape"])
    width = raw.get("width") or 2 * (raw.get("radius") or raw.get("radius_x") or 0.0)
    height = raw.get("height") or 2 * (raw.get("radius") or raw.get("radius_y") or 0.0)
    points = tuple((point["x"], point["y"]) for point in raw.get("points", []))
    return Area(raw["x"], raw["y"], width, height, raw["text"], shape=shape, rotation=raw["rotation"], points=points)


def middle_of(area: Area) -> Point:
    outline = list(turned(area.outline(), (area.x, area.y), area.rotation))
    x, y = (sum(coordinates) / len(outline) for coordinates in zip(*outline, strict=True))
    return x, y


@dataclass(frozen=True, slots=True)
class Label:
    """A text on the map, centred on its point."""

    text: str
    x: float
    y: float
    size: float = 18

    def as_json(self) -> dict[str, object]:
        return {"text": self.text, "x": self.x, "y": self.y, "size": self.size}
