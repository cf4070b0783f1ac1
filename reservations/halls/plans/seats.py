"""The seats of a plan: rows and seats as the file has them, and then as a hall has them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from concert_site.lib.formats import thousands
from reservations.halls.areas import Point
from reservations.halls.colours import category_colour
from reservations.halls.hall import LONGEST
from reservations.halls.plans.names import Groups, numbers_of, told_apart
from reservations.halls.plans.objects import objects_of, origin_of
from reservations.halls.plans.problems import PLACES_OF_AN_ID, PlanPosition, Problems
from reservations.halls.plans.statuses import off_sale_word, unknown_status
from reservations.halls.values import Json, point_of, text_of

# Keys by which plans mark seats for wheelchairs; the format itself has none.
ACCESSIBLE_KEYS = ("accessible", "is_accessible", "wheelchair")
# The same for seats that belong to such a place.
COMPANION_KEYS = ("companion", "is_companion")
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class FileSeat:
    """A seat as the file has it, on the map; `label` is its number in the words that the row has for it."""

    guid: str
    number: str
    label: str
    category: str
    x: float
    y: float
    is_accessible: bool
    is_companion: bool = False
    is_off_sale: bool = False


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row as the file has it. `number` is what is shown at its `ends`: start, end, both, or nothing."""

    name: str
    seats: list[FileSeat]
    number: str
    ends: str


@dataclass(slots=True)
class PlannedRow:
    """A row of a hall: a section and a name that no other row has, and seats with labels that differ."""

    section: str
    name: str
    seats: list[FileSeat] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def numbers(self) -> list[int]:
        """The seat numbers, each once."""
        return numbers_of([seat.number for seat in self.seats])


@dataclass(slots=True)
class Reading:
    """What is remembered while the seats of a file are read."""

    categories: dict[str, str]
    problems: Problems
    # For seats that have none; blank if staff gave none.
    category: str = ""
    # The file lists no categories: those that its seats name are taken.
    takes_any: bool = False
    uncategorised: int = 0
    # How many seats are off sale, and how many of a status that we don't know, by what the file says.
    off_sale: Counter[str] = field(default_factory=Counter)
    unknown_status: Counter[str] = field(default_factory=Counter)
    guids: defaultdict[str, list[PlanPosition]] = field(default_factory=lambda: defaultdict(list))
    unknown: defaultdict[str, list[PlanPosition]] = field(default_factory=lambda: defaultdict(list))
    unnamed: int = 0
    seatless: int = 0
    # Where in the file the plan stands; blank if the file is the plan.
    place: str = ""

    def finish(self) -> None:
        """Note what only shows once every seat was read."""
        repeated = {guid: places for guid, places in self.guids.items() if len(places) > 1}
        if len(repeated) > 1:
            surplus = sum(len(places) - 1 for places in repeated.values())
            counts = {"seats": thousands(surplus), "ids": thousands(len(repeated))}
            self.problems.add(
                _("%(seats)s seats repeat a seat_guid of another seat; %(ids)s ids are used more than once") % counts
            )
        self.problems.add_places(_("seat_guid '%(key)s' is used %(count)d times"), repeated, PLACES_OF_AN_ID)
        self.problems.add_places(_("category '%(key)s' is not among the categories of the plan"), self.unknown)


# --- As the file has them --------------------------------------------------------------------------


def read_zone(raw: Json, zone: PlanPosition, origin: Point, reading: Reading) -> list[FileRow]:
    rows = list(objects_of(raw, "rows", zone, reading.problems))
    names = Counter(text_of(row.get("row_number")) for row in rows)
    return [
        read_row(row, zone, nth, origin, reading, is_alone=names[text_of(row.get("row_number"))] == 1)
        for nth, row in enumerate(rows, 1)
    ]


def read_row(raw: Json, zone: PlanPosition, nth: int, origin: Point, reading: Reading, *, is_alone: bool) -> FileRow:
    """The nth row of a zone, counted from 1. Without a name it is called by its position.

    Where it doesn't bear its name alone, a problem says its position as well.
    """
    number = text_of(raw.get("row_number"))
    place = zone._replace(row=number if number and is_alone else f"{number} (#{nth})".strip())
    name = in_words(raw.get("row_label"), number) or str(nth)
    reading.unnamed += not number
    too_long(name, "row", place, reading)
    x, y = origin_of(raw, place, reading.problems)
    read = RowReader(place, raw.get("seat_label"), (origin[0] + x, origin[1] + y), reading)
    listed = enumerate(objects_of(raw, "seats", place, reading.problems), 1)
    seats = [found for position, seat in listed if (found := read.seat(seat, position))]
    reading.seatless += not raw.get("seats")
    return FileRow(name, seats, number, ends=text_of(raw.get("row_number_position")))


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the seats of one row; `words` is how the row's seats are called, with %s for the number."""

    row: PlanPosition
    words: object
    origin: Point
    reading: Reading

    def seat(self, raw: Json, position: int) -> FileSeat | None:
        """The seat at a position of the row, counted from 1; None, and problems noted, if it can't be sold or drawn."""
        number = text_of(raw.get("seat_number"))
        place = self.row._replace(seat=number or f"#{position}")
        guid, category = self.guid(raw, place), self.category(raw, place)
        point = point_of(raw.get("position"))
        if point is None:
            self.reading.problems.at(place, no_point(raw.get("position")))
        label = in_words(self.words, number) or str(position)
        if too_long(label, "label", place, self.reading) or point is None or not guid or not category:
            return None
        x, y = round(self.origin[0] + point[0], DECIMALS), round(self.origin[1] + point[1], DECIMALS)
        is_accessible = any(raw.get(key) is True for key in ACCESSIBLE_KEYS)
        is_companion = not is_accessible and any(raw.get(key) is True for key in COMPANION_KEYS)
        is_off_sale = self.is_off_sale(raw)
        return FileSeat(guid, number or str(position), label, category, x, y, is_accessible, is_companion, is_off_sale)

    def is_off_sale(self, raw: Json) -> bool:
        """Whether the file takes a seat off sale; what it says is counted."""
        if word := off_sale_word(raw):
            self.reading.off_sale[word] += 1
        elif unknown := unknown_status(raw):
            self.reading.unknown_status[unknown] += 1
        return bool(word)

    def guid(self, raw: Json, place: PlanPosition) -> str:
        """The seat's GUID; blank, and a problem noted, if it has none that can be kept."""
        found = raw.get("seat_guid")
        guid = text_of(found)
        if not guid:
            self.reading.problems.at(place, _("it has no seat_guid"))
        # Cleaned, two different GUIDs could become one.
        elif isinstance(found, str) and guid != found.strip():
            self.reading.problems.at(place, _("its seat_guid has characters that can't be kept"))
        elif not too_long(guid, "guid", place, self.reading):
            self.reading.guids[guid].append(place)
            return guid
        return ""

    def category(self, raw: Json, place: PlanPosition) -> str:
        """The name of the seat's category; blank, and a problem noted, if the plan has no such category."""
        named, reading = text_of(raw.get("category")), self.reading
        category = named or reading.category
        reading.uncategorised += not named
        if not category:
            reading.problems.at(place, _("it has no category"))
        elif category not in reading.categories:
            if not reading.takes_any or len(category) > LONGEST["category"]:
                reading.unknown[category[: LONGEST["category"]]].append(place)
                return ""
            reading.categories[category] = category_colour(None, len(reading.categories))
        return category


def no_point(raw: object) -> str:
    """What to say of a seat that has no place on the map."""
    if raw is None:
        return _("it has no position")
    return _("its position needs x and y, numbers between -1,000,000 and 1,000,000")


def in_words(words: object, number: str) -> str:
    """A number in the words that the plan has for it ("Table %s"), or by itself."""
    return text_of(text_of(words).replace("%s", number)) or number


def too_long(text: str, kind: str, place: PlanPosition, reading: Reading) -> bool:
    """Whether a text doesn't fit into its column; then a problem is noted."""
    most = LONGEST[kind]
    if len(text) <= most:
        return False
    shown = place._replace(**{part: f"{name[:most]}…" for part, name in place._asdict().items() if len(name) > most})
    counts = {"text": f"{text[:most]}…", "length": len(text), "most": most}
    reading.problems.at(shown, _("'%(text)s' has %(length)d characters; at most %(most)d fit") % counts)
    return True


# --- As a hall has them ----------------------------------------------------------------------------


@dataclass(slots=True)
class Renamed:
    """How many zones, rows and seats of a plan needed a number behind their name."""

    zones: int = 0
    rows: int = 0
    seats: int = 0


def planned_rows(zones: Iterable[tuple[str, list[FileRow]]], renamed: Renamed) -> list[PlannedRow]:
    """The rows of a hall, each seat with a place of its own (see plans.names)."""
    sections = Groups(LONGEST["section"])
    planned: dict[tuple[str, str], PlannedRow] = {}
    for zone, rows in zones:
        named = named_rows(rows, renamed)
        section = sections.join(zone, [(name, label) for name, _row, labels in named for label in labels])
        for name, row, labels in named:
            joined = planned.setdefault((section, name), PlannedRow(section, name))
            joined.seats += row.seats
            joined.labels += labels
    renamed.zones = sections.renamed
    return list(planned.values())


def named_rows(rows: Iterable[FileRow], renamed: Renamed) -> list[tuple[str, FileRow, list[str]]]:
    """The rows of a zone that have seats: name, row, labels."""
    groups = Groups(LONGEST["row"])
    named = []
    for row in rows:
        given = [seat.label for seat in row.seats]
        labels = told_apart(given, LONGEST["label"])
        renamed.seats += sum(label != before for label, before in zip(labels, given, strict=True))
        if labels:
            named.append((groups.join(row.name, labels), row, labels))
    renamed.rows += groups.renamed
    return named
