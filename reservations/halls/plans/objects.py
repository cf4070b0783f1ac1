"""Objects of a plan: lists of them, and where they lie."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from reservations.halls.areas import Point
from reservations.halls.plans.problems import PlanPosition, Problems
from reservations.halls.values import Json, point_of


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
