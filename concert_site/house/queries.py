"""What every page's foot shows of the house, and its pages: in the reader's language, else in the one there is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import DatabaseError
from django.utils.translation import get_language

from concert_site.house.models import HouseFacts, HousePage, PageKind
from concert_site.lib.cache import TTLCache

# Staff change them a few times a year, and each page shows them.
MEMORY_SECONDS = 15.0
# While the database is away, so that not each page waits for it.
AWAY_SECONDS = 2.0
Row = TypeVar("Row", HouseFacts, HousePage)


@dataclass(frozen=True, slots=True)
class House:
    """What is known of the house in one language; `titles` are those of the pages that are written."""

    facts: HouseFacts | None = None
    titles: dict[PageKind, str] = field(default_factory=dict)


houses: TTLCache[House] = TTLCache(most=8)


def house_in(language: str) -> House:
    """The house as a reader of this language sees it, some seconds old.

    While the database is away it is what was last known, or nothing: an error page needs a foot, too.
    """
    return houses.get_or_build(language, lambda: _read_or_last(language))


def _read_or_last(language: str) -> tuple[House, float]:
    try:
        return _read(language), MEMORY_SECONDS
    except DatabaseError:
        return houses.last(language) or House(), AWAY_SECONDS


def _read(language: str) -> House:
    pages = HousePage.objects.defer("body").order_by("pk")
    titles = {
        kind: found.title
        for kind in PageKind
        if (found := in_language([page for page in pages if page.kind == kind], language))
    }
    return House(in_language(HouseFacts.objects.order_by("pk"), language), titles)


def page_of(kind: PageKind) -> HousePage | None:
    """A page in the reader's language, else in another one; None if nobody has written it."""
    return in_language(HousePage.objects.filter(kind=kind).order_by("pk"), get_language() or "")


def in_language(rows: Iterable[Row], language: str) -> Row | None:
    """The row of a language, else that of its mother (of `en` for `en-gb`), else the first there is."""
    known = {row.language: row for row in rows}
    return known.get(language) or known.get(language.partition("-")[0]) or next(iter(known.values()), None)


def clear_house_cache() -> None:
    """Show at once, in this process, what was just written; others follow within seconds."""
    houses.clear()
