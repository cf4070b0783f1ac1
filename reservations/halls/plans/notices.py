"""What had to be adapted in a plan, in words."""

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from concert_site.lib.formats import thousands
from reservations.halls.plans.areas import AreasRead
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


UNKNOWN = ngettext_lazy(
    "%(count)d seat has a status that isn't known and is for sale: %(words)s.",
    "%(count)d seats have a status that isn't known and are for sale: %(words)s.",
    "count",
)
OFF_SALE = ngettext_lazy(
    "%(count)d seat isn't for sale by the file and is off sale: %(words)s.",
    "%(count)d seats aren't for sale by the file and are off sale: %(words)s.",
    "count",
)
CATEGORY = ngettext_lazy(
    "%(count)d seat has no category and gets “%(name)s”.",
    "%(count)d seats have no category and get “%(name)s”.",
    "count",
)
WORDS_LISTED = 10


def notices(renamed: Renamed, reading: Reading, drawn: AreasRead, *, covered: int, is_grown: bool) -> Iterator[str]:
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
    if reading.place:
        yield _("The plan was found inside the file, at %(place)s.") % {"place": reading.place}
    yield from (text % {"count": count} for text, count in counted if count)
    for text, words in ((OFF_SALE, reading.off_sale), (UNKNOWN, reading.unknown_status)):
        if words:
            yield text % {"count": words.total(), "words": in_words(words)}
    if reading.uncategorised:
        yield CATEGORY % {"count": reading.uncategorised, "name": reading.category}
    if reading.takes_any:
        yield _("The file lists no categories; those that its seats name were taken.")
    if is_grown:
        yield _("The map was enlarged, because a part of it lay outside.")


def in_words(counts: Counter[str]) -> str:
    """Words of a file with how often each occurs, the most frequent first."""
    return ", ".join(f"{word} ({thousands(count)})" for word, count in counts.most_common(WORDS_LISTED))
