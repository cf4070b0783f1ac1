"""What every page's foot shows of the house, and its pages: in the reader's language, else in the one there is."""

from dataclasses import dataclass, field

from django.db import DatabaseError

from concert_site.house.models import HouseFacts, HousePage, PageKind
from concert_site.lib.cache import TTLCache
from concert_site.lib.languages import in_language

# Staff change them a few times a year, and each page shows them.
MEMORY_SECONDS = 15.0
# While the database is away, so that not each page waits for it.
AWAY_SECONDS = 2.0


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
        if (found := in_language({page.language: page for page in pages if page.kind == kind}, language))
    }
    return House(in_language({each.language: each for each in HouseFacts.objects.order_by("pk")}, language), titles)


def page_of(kind: PageKind) -> HousePage | None:
    """A page in the reader's language, else in another one; None if nobody has written it."""
    return in_language({page.language: page for page in HousePage.objects.filter(kind=kind).order_by("pk")})


def clear_house_cache() -> None:
    """Show at once, in this process, what was just written; others follow within seconds."""
    houses.clear()
