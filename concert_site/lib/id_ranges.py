"""Many ids as one short text, for a form of a whole hall: "5-20,31" are 5 to 20 and 31."""

import re
from collections.abc import Iterable

RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
# More than the largest hall; whoever writes more has made it up.
MOST_IDS = 200_000


def parse_ranges(text: str) -> list[int] | None:
    """The ids in a text, each once, in order; None if anything else is in it, or too many."""
    found: set[int] = set()
    for part in text.split(",") if text.strip() else ():
        word = RANGE.fullmatch(part.strip())
        if word is None:
            return None
        first, last = int(word[1]), int(word[2] or word[1])
        if not 0 <= last - first < MOST_IDS or len(found) > MOST_IDS:
            return None
        found.update(range(first, last + 1))
    return sorted(found) if len(found) <= MOST_IDS else None


def format_ranges(ids: Iterable[int]) -> str:
    """Ids as such a text."""
    parts: list[list[int]] = []
    for each in sorted(set(ids)):
        if parts and each == parts[-1][1] + 1:
            parts[-1][1] = each
        else:
            parts.append([each, each])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
