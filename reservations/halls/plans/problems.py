"""What is wrong with a plan: everything at once, each with its place, as short as people read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.errors import Invalid

# Whoever mends a file needs all of it; more than so many lines are read by nobody.
LISTED = 500
# The same fault of 400 seats is one mistake, not 400; the same id has to be looked for wherever it is.
PLACES_LISTED = 3
PLACES_OF_AN_ID = 10
IN_ONE_LINE = 3


class PlanPosition(NamedTuple):
    """Where in a plan: by name where there is one, else by position, counted from 1."""

    zone: str
    row: str = ""
    seat: str = ""

    def __str__(self) -> str:
        names = {"zone": self.zone, "row": self.row, "seat": self.seat}
        if self.seat:
            return _("zone '%(zone)s', row %(row)s, seat %(seat)s") % names
        return (_("zone '%(zone)s', row %(row)s") if self.row else _("zone '%(zone)s'")) % names


class PlanRefused(Invalid):
    """The plan can't be used. `problems` says why, each in a line; `detail` says it in one line."""

    def __init__(self, problems: Sequence[str], unlisted: int = 0) -> None:
        """
        :param unlisted: how many more problems there are than are listed
        """
        self.problems = [*problems, *more_problems(unlisted)]
        short = [*problems[:IN_ONE_LINE], *more_problems(len(problems[IN_ONE_LINE:]) + unlisted)]
        super().__init__(
            _("This seating plan can't be used. %(problems)s") % {"problems": " | ".join(short)}, attr="plan"
        )


def more_problems(count: int) -> Iterator[str]:
    """The line for what isn't listed, if there is any."""
    if count:
        yield ngettext("... and %(count)d more problem", "... and %(count)d more problems", count) % {"count": count}


class Problems:
    """A list of problems, in the order in which they were found: each once, with its places."""

    def __init__(self) -> None:
        # What is wrong with the file as a whole has no place.
        self.places: dict[str, list[PlanPosition]] = {}

    def add(self, problem: str) -> None:
        self.places.setdefault(problem, [])

    def at(self, place: PlanPosition, problem: str) -> None:
        self.places.setdefault(problem, []).append(place)

    def add_places(self, problem: str, places: Mapping[str, Sequence[PlanPosition]], most: int = PLACES_LISTED) -> None:
        """Note one problem for each key, naming up to `most` of its places; `problem` has %(key)s and %(count)d."""
        for key, found in places.items():
            self.add(f"{problem % {'key': key, 'count': len(found)}}: {first_of(found, most)}")

    def lines(self) -> Iterator[str]:
        """The problems in words. What is wrong in many places is one mistake, and one line."""
        for problem, places in self.places.items():
            if len(places) > PLACES_LISTED:
                yield f"{problem}: {first_of(places)}"
            else:
                yield from [f"{place}: {problem}" for place in places] or [problem]

    def refuse(self) -> None:
        """End here if anything was noted.

        :raises PlanRefused: with all of it
        """
        found = list(self.lines())
        if found:
            raise PlanRefused(found[:LISTED], len(found[LISTED:]))


def first_of(places: Sequence[PlanPosition], most: int = PLACES_LISTED) -> str:
    """The first of some places, and how many more there are."""
    named = "; ".join(map(str, places[:most]))
    more = len(places) - most
    if more > 0:
        named += ngettext("; and %(count)d more place", "; and %(count)d more places", more) % {"count": more}
    return named
