"""What had to be adapted in a plan, in words."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from reservations.halls.plans.areas import Drawn
from reservations.halls.plans.seats import Reading, Renamed

ZONES = ngettext_lazy(
    "%(count)d zone has name and seats of another one and is told apart by a number, as Box (2) is.",
    "%(count)d zones have name and seats of another one and are told apart by a number, as Box (2) is.",
    "count",
)
ROWS = ngettext_lazy(
    "%(count)d row has name and seats of another one in its zone and is told apart by a number, as A (2) is.",
    "%(count)d rows have name and seats of another one in their zone and are told apart by a number, as A (2) is.",
    "count",
)
SEATS = ngettext_lazy(
    "%(count)d seat has the number of another one in its row and is told apart by a second, as 12 (2) is.",
    "%(count)d seats have the number of another one in their row and are told apart by a second, as 12 (2) is.",
    "count",
)
COVERED = ngettext_lazy(
    "%(count)d seat lies upon another one: on the map only one of the two can be chosen.",
    "%(count)d seats lie upon others: on the map only one of two can be chosen.",
    "count",
)
UNNAMED = ngettext_lazy(
    "%(count)d zone or row has no name and is called by its position.",
    "%(count)d zones or rows have no name and are called by their position.",
    "count",
)
SEATLESS = ngettext_lazy(
    "%(count)d row has no seats and is left out.", "%(count)d rows have no seats and are left out.", "count"
)
LEFT_OUT = ngettext_lazy(
    "%(count)d area can't be drawn and is left out.", "%(count)d areas can't be drawn and are left out.", "count"
)


def notices(renamed: Renamed, reading: Reading, drawn: Drawn, *, covered: int, is_grown: bool) -> Iterator[str]:
    """What staff should know before they save."""
    counted = [
        (ZONES, renamed.zones),
        (ROWS, renamed.rows),
        (SEATS, renamed.seats),
        (COVERED, covered),
        (UNNAMED, reading.unnamed),
        (SEATLESS, reading.seatless),
        (LEFT_OUT, drawn.left_out),
    ]
    yield from (text % {"count": count} for text, count in counted if count)
    if is_grown:
        yield _("The map was enlarged, because a part of it lay outside.")
