"""Values of a plan, whatever its author wrote there."""

import math
import unicodedata
from collections.abc import Iterator
from itertools import chain

from django.utils.translation import gettext as _

from reservations.halls.areas import Point
from reservations.halls.plans.file import Json
from reservations.halls.plans.problems import PlanPosition, Problems

# Larger than any hall in any unit; farther out floats lose the seat beside them.
FARTHEST = 1_000_000.0
# Controls, halves of surrogate pairs (which no encoding can write), and code points that are nobody's.
UNPRINTABLE = {"Cc", "Cs", "Cn", "Co"}
# They turn the text after them around, on our pages too.
BIDI = set(map(chr, chain(range(0x202A, 0x202F), range(0x2066, 0x206A))))


def text_of(raw: object) -> str:
    """A text or a number as one line that PostgreSQL takes and a page can show; blank for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return ""
    if not isinstance(raw, str):
        # 12.0 is what some tools make of the number 12.
        return str(int(raw)) if math.isfinite(raw) and raw == int(raw) else ""
    if raw.isascii() and raw.isprintable():
        return " ".join(raw.split())
    kept = (" " if char.isspace() else char for char in raw if char.isspace() or is_printable(char))
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def is_printable(char: str) -> bool:
    """Whether a character shows, and shows only itself."""
    return unicodedata.category(char) not in UNPRINTABLE and char not in BIDI


def number_of(raw: object) -> float | None:
    """A number that can be drawn; None for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw) if abs(raw) <= FARTHEST else None


def point_of(raw: object) -> Point | None:
    """A position; None for anything else."""
    if not isinstance(raw, dict):
        return None
    x, y = number_of(raw.get("x")), number_of(raw.get("y"))
    return None if x is None or y is None else (x, y)


def origin_of(raw: Json, place: PlanPosition, problems: Problems) -> Point:
    """The position of a zone or a row; without one it begins where what it is in begins."""
    position = raw.get("position")
    if position is None:
        return 0.0, 0.0
    point = point_of(position)
    if point is None:
        problems.at(place, _("its position needs x and y, numbers between -1,000,000 and 1,000,000"))
    return point or (0.0, 0.0)


def objects_of(raw: Json, key: str, place: PlanPosition | None, problems: Problems) -> Iterator[Json]:
    """The objects of a list; a list that is missing is empty."""
    listed = raw.get(key)
    if listed is None:
        return
    prefix = f"{place}: " if place else ""
    if not isinstance(listed, list):
        problems.add(prefix + _("'%(key)s' must be a list") % {"key": key})
        return
    for nth, entry in enumerate(listed, 1):
        if isinstance(entry, dict):
            yield entry
        else:
            problems.add(prefix + _("entry %(nth)s of '%(key)s' must be an object") % {"nth": nth, "key": key})
