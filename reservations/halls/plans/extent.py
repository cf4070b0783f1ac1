"""How large the map must be, so that all of it shows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reservations.halls.areas import Area, Label, Point, turned
from reservations.halls.hall import PITCH, SHARE, seat_radius
from reservations.halls.plans.seats import FileSeat
from reservations.halls.values import Json, number_of

# Around a map that had to grow, where seats are as far apart as ours; half of it is what a seat takes around itself.
MARGIN = PITCH


def scale_of(seats: Sequence[FileSeat]) -> float:
    """How small the plan is drawn: 1, or less where its seats are closer together than ours (in metres, say)."""
    return min(1.0, seat_radius([(seat.x, seat.y) for seat in seats]) / (PITCH * SHARE))


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a map, and how far everything on it moves to the right and down."""

    width: float
    height: float
    right: float = 0
    down: float = 0
    is_grown: bool = False

    def move(self, area: Area) -> Area:
        return replace(area, x=round(area.x + self.right, 4), y=round(area.y + self.down, 4))

    def move_label(self, label: Label) -> Label:
        return replace(label, x=round(label.x + self.right, 4), y=round(label.y + self.down, 4))


def extent_of(size: object, seats: Sequence[FileSeat], areas: Sequence[Area], labels: Sequence[Label]) -> Extent:
    """The size that the file gives where everything lies within it; else as large as it takes.

    A plan whose seats begin at 0 keeps its places: only what lies to the left or above of all is moved in.
    """
    margin = MARGIN * scale_of(seats)
    points = [*((seat.x, seat.y) for seat in seats), *corners(areas), *((label.x, label.y) for label in labels)]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    right, down = (margin - left if left < 0 else 0.0), (margin - top if top < 0 else 0.0)
    needed = [max(seat.x for seat in seats) + margin / 2, max(seat.y for seat in seats) + margin / 2]
    width = max(needed[0], *(x for x, _ in points)) + right
    height = max(needed[1], *(y for _, y in points)) + down
    given_width, given_height = size_of(size)
    return Extent(
        width=given_width if width <= given_width else math.ceil(width + margin / 2),
        height=given_height if height <= given_height else math.ceil(height + margin / 2),
        right=right,
        down=down,
        is_grown=bool(right or down or (given_width and (width > given_width or height > given_height))),
    )


def size_of(raw: object) -> Point:
    """Width and height as the file has them; 0 for what makes no sense."""
    size: Json = raw if isinstance(raw, dict) else {}
    return max(0.0, number_of(size.get("width")) or 0.0), max(0.0, number_of(size.get("height")) or 0.0)


def corners(areas: Sequence[Area]) -> Iterator[Point]:
    for area in areas:
        yield from turned(area.outline(), (area.x, area.y), area.rotation)


def count_covered(seats: Sequence[FileSeat]) -> int:
    """How many seats lie upon one before them, so near that nobody could tell which of the two they choose."""
    near = seat_radius([(seat.x, seat.y) for seat in seats])
    cells: dict[tuple[int, int], list[Point]] = {}
    covered = 0
    for seat in seats:
        column, row = int(seat.x // near), int(seat.y // near)
        around = (cells.get((column + right, row + down), ()) for right in (-1, 0, 1) for down in (-1, 0, 1))
        if any(math.dist((seat.x, seat.y), place) < near for cell in around for place in cell):
            covered += 1
        else:
            # Only what isn't covered itself, so that a heap of seats costs no more than a row of them.
            cells.setdefault((column, row), []).append((seat.x, seat.y))
    return covered
