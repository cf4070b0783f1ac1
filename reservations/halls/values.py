"""Values of a plan or a layout, whatever its author wrote there."""

import math
import unicodedata
from itertools import chain

from reservations.halls.areas import Point

Json = dict[str, object]
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
