"""Which seats of a hall adjoin each other, and how near the stage each is: worked out once, when the seats are made.

A row is cut wherever its seats lie further apart than its seats usually do: an aisle, a pillar, a stair. What lies
between two cuts is a *stretch*. Places tell it and not numbers: numbers run on across an aisle, leave out the thirteen,
or are odd on the left and even on the right.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple

from reservations.halls.areas import Point

# A step of more than so many usual ones is a cut. Where a seat was left out it is two of them; seats for wheelchairs
# take half as much again.
CUT = 1.6
# A step to the side counts as so much of one away from the stage.
ASIDE = 0.25
# With the middle of the seats so near, the stage stands among them.
AROUND = 1.0
# A row of fewer steps goes by what is usual in its section.
FEWEST_STEPS = 4


class Spot(NamedTuple):
    """A seat by its names and its point on the map."""

    section: str
    row: str
    number: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class SeatPlace:
    """A seat among its neighbours.

    Stretches are counted from the one nearest to the stage, places along a stretch from 1, so that seats adjoin if
    they are of one stretch and their places follow each other. `nearness` counts all seats of the hall, from the best.
    """

    stretch: int
    place: int
    nearness: int


def places_of(spots: Sequence[Spot], stage: Point) -> list[SeatPlace]:
    """The place of every seat, in the order of `spots`. Rows are nearer to the stage, or further, as a whole."""
    distances = list(map(partial(distance_of, stage=stage, ahead=ahead_of(stage, spots)), spots))
    rows = [in_order(spots, row) for row in by_row(spots)]
    nearest = {row[0]: round(min(distances[nth] for nth in row), 1) for row in rows}
    stretches = [
        (nearest[row[0]], stretch)
        for row, usual in zip(rows, usual_steps(spots, rows), strict=True)
        for stretch in cut(spots, row, usual)
    ]
    stretches.sort(key=lambda each: (each[0], min(distances[nth] for nth in each[1])))
    row_distances = {nth: distance for distance, stretch in stretches for nth in stretch}
    best_first = sorted(range(len(spots)), key=lambda nth: (row_distances[nth], distances[nth], nth))
    nearness = {nth: rank for rank, nth in enumerate(best_first)}
    places = {
        nth: SeatPlace(number, place, nearness[nth])
        for number, (_distance, stretch) in enumerate(stretches, 1)
        for place, nth in enumerate(stretch, 1)
    }
    return [places[nth] for nth in range(len(spots))]


def ahead_of(stage: Point, spots: Sequence[Spot]) -> Point:
    """Straight ahead of the stage, a step along an edge of the map; nowhere if it stands among the seats.

    A hall with one block more on the left is still one that looks down.
    """
    right = sum(spot.x for spot in spots) / max(1, len(spots)) - stage[0]
    down = sum(spot.y for spot in spots) / max(1, len(spots)) - stage[1]
    if max(abs(right), abs(down)) < AROUND:
        return 0.0, 0.0
    return (math.copysign(1, right), 0.0) if abs(right) > abs(down) else (0.0, math.copysign(1, down))


def distance_of(spot: Spot, *, stage: Point, ahead: Point) -> float:
    """How far from the stage a seat seems: who sits aside sees less of it than who is as near, and in the middle."""
    right, down = spot.x - stage[0], spot.y - stage[1]
    return math.hypot(right, down) + ASIDE * abs(right * ahead[1] - down * ahead[0])


def by_row(spots: Sequence[Spot]) -> Iterable[list[int]]:
    """The seats of each row, as they are listed: their indexes in `spots`."""
    rows: dict[tuple[str, str], list[int]] = {}
    for nth, spot in enumerate(spots):
        rows.setdefault((spot.section, spot.row), []).append(nth)
    return rows.values()


def in_order(spots: Sequence[Spot], row: Sequence[int]) -> list[int]:
    """A row from one end to the other: as listed, by number, or as it lies on the map, whichever way is shortest."""
    if is_even(steps_of(spots, row)):
        return list(row)
    ways = [list(row), sorted(row, key=lambda nth: spots[nth].number), along(spots, row)]
    return min(ways, key=lambda way: round(sum(steps_of(spots, way)), 3))


def is_even(steps: Sequence[float]) -> bool:
    """Whether no step stands out, so that nothing need be put in order."""
    return not steps or max(steps) <= CUT * min(steps)


def along(spots: Sequence[Spot], row: Sequence[int]) -> list[int]:
    """A row along the line between those two of its seats that lie furthest apart, roughly."""
    first = point_of(spots[row[0]])
    end = max((point_of(spots[nth]) for nth in row), key=lambda point: math.dist(point, first))
    start = max((point_of(spots[nth]) for nth in row), key=lambda point: math.dist(point, end))
    right, down = end[0] - start[0], end[1] - start[1]
    return sorted(row, key=lambda nth: (round(spots[nth].x * right + spots[nth].y * down, 3), spots[nth].number))


def point_of(spot: Spot) -> Point:
    return spot.x, spot.y


def steps_of(spots: Sequence[Spot], row: Sequence[int]) -> list[float]:
    """How far each seat of a row lies from the one before it."""
    return [math.dist(point_of(spots[one]), point_of(spots[other])) for one, other in pairwise(row)]


def usual_steps(spots: Sequence[Spot], rows: Sequence[Sequence[int]]) -> Iterator[float]:
    """How far apart the seats of each row usually are: by itself, or as in its section where it is short."""
    in_sections: dict[str, list[float]] = {}
    for row in rows:
        in_sections.setdefault(spots[row[0]].section, []).extend(steps_of(spots, row))
    everywhere = median_low(sorted(step for steps in in_sections.values() for step in steps) or [0.0])
    in_section = {
        name: median_low(steps) if len(steps) >= FEWEST_STEPS else everywhere for name, steps in in_sections.items()
    }
    for row in rows:
        steps = steps_of(spots, row)
        yield median_low(steps) if len(steps) >= FEWEST_STEPS else in_section[spots[row[0]].section]


def cut(spots: Sequence[Spot], row: Sequence[int], usual: float) -> list[list[int]]:
    stretches = [[row[0]]]
    for nth, step in zip(row[1:], steps_of(spots, row), strict=True):
        if step > CUT * usual:
            stretches.append([])
        stretches[-1].append(nth)
    return stretches
