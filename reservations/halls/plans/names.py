"""Names that tell every seat of a hall apart, on a ticket too.

Plans in the wild call nine blocks of one zone "row A", and each of them has a seat 1; only the GUID differs. Two
such seats would read the same on two tickets. So a row that comes again joins the row of its name as long as no
seat of it is taken there (the other half of the row, beyond an aisle), and else becomes a row of its own, A (2).
Zones of the same name are treated alike, and seats within a row.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence


def numbered(name: str, nth: int, longest: int) -> str:
    """The nth bearer of a name, counted from 0: A, A (2), A (3)."""
    suffix = f" ({nth + 1})" if nth else ""
    return name[: longest - len(suffix)] + suffix


def told_apart(names: Sequence[str], longest: int) -> list[str]:
    """Names of which each occurs once."""
    if len(set(names)) == len(names):
        return list(names)
    taken = Groups(longest)
    return [taken.join(name, [0]) for name in names]


class Groups:
    """Groups of things by name, in which each thing occurs once."""

    def __init__(self, longest: int) -> None:
        """
        :param longest: how many characters a name may have
        """
        self.longest = longest
        self.members: defaultdict[str, set[Hashable]] = defaultdict(set)
        # How many groups of a name have already got a thing: where the next one of its kind may go.
        self.uses: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)
        self.renamed = 0

    def join(self, name: str, things: Iterable[Hashable]) -> str:
        """The name of the first group of this name that has none of the things yet; they are put into it."""
        new = set(things)
        uses = self.uses[name]
        nth = max((uses[thing] for thing in new), default=0)
        # A group may have been called A (2) by the plan itself.
        while not self.members[group := numbered(name, nth, self.longest)].isdisjoint(new):
            nth += 1
        self.members[group] |= new
        uses.update(dict.fromkeys(new, 0))
        for thing in new:
            uses[thing] = nth + 1
        self.renamed += nth > 0
        return group


def numbers_of(printed: Sequence[str]) -> list[int]:
    """The seat numbers of a row: those printed if they are numbers, each once; else the position in the row."""
    numbers = [int(text) for text in printed if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS]
    if len(set(numbers)) == len(printed):
        return numbers
    return list(range(1, len(printed) + 1))


# What PostgreSQL's integer can hold in any case.
MOST_DIGITS = 9
