"""Concerts as the public finds them, each with its schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from functools import cache
from operator import attrgetter, itemgetter

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Extract
from django.db.models.lookups import Exact
from django.utils.translation import override

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.search_keys import initials, joined, pattern_of, search_words
from queueing.facts import SaleState, has_nothing_free
from reservations.models import Concert, ConcertSchedule, Genre
from reservations.models.concert import IS_AVAILABLE, IS_TO_COME, sale_state_at
from reservations.queries.sales import MEMORY_SECONDS, PublicSchedule, public_schedules, sales_of_concerts

# What a reader would rather hear of, where the dates of a concert differ; the first three are worth naming to who
# can't have another one.
BEST_FIRST = (SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING, SaleState.SOLD_OUT, SaleState.CLOSED)
WORTH_NAMING = BEST_FIRST[:3]
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class PublicVenue:
    """Where a concert is played; `time_zone` is a name of the IANA's list."""

    name: str
    address: str
    time_zone: str
    map_url: str


@dataclass(frozen=True, slots=True)
class PublicConcert:
    """A concert as the public sees it. `poster` is an address on this site, `poster_small` that of one for lists.

    What a house hasn't said is None, or an empty text; from `age_rating` years on somebody may come, 0 is everybody.
    """

    id: int
    name: str
    host: str
    description: str
    status: str
    poster: str | None
    poster_small: str | None
    venue: PublicVenue | None
    genre: str
    running_minutes: int | None
    age_rating: int | None
    cast: str
    notices: str
    organiser: str
    contact: str
    seller: str
    schedules: list[PublicSchedule]

    @property
    def genre_label(self) -> str:
        return str(Genre(self.genre).label) if self.genre else ""

    @property
    def performers(self) -> list[str]:
        """Who is on stage, a name or an ensemble each."""
        return [line.strip() for line in self.cast.splitlines() if line.strip()]

    @property
    def dates_to_be_had(self) -> list[PublicSchedule]:
        """Those of its dates that a fan may still get a free seat for, the best first."""
        worth = [each for each in self.schedules if each.sale_state in WORTH_NAMING and not each.is_over]
        return sorted((each for each in worth if each.seats_left), key=lambda each: BEST_FIRST.index(each.sale_state))


@dataclass(frozen=True, slots=True)
class DateInConcert:
    """One date, with its concert and the others that a fan may still get a seat for; None of what isn't public."""

    concert: PublicConcert | None
    date: PublicSchedule | None
    other_dates: list[PublicSchedule]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader looks for, see `search_concerts`. `venue` is words of its name or address."""

    search: str = ""
    on: date | None = None
    since: date | None = None
    until: date | None = None
    state: SaleState | None = None
    genre: str = ""
    venue_id: int | None = None
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Facets:
    """The genres and venues of what is on; of a venue its id and name."""

    genres: list[str]
    venues: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class ConcertPage:
    """One page of the concerts that fit, of so many `pages`; `count` is the number of them all."""

    concerts: list[PublicConcert]
    number: int
    pages: int
    count: int


class ProgrammeRank(IntEnum):
    """Where a concert stands in the programme: by the best that can be said of its dates ahead."""

    OPENING = 0
    ON_SALE = 1
    UNDATED = 2
    CLOSED = 3
    SOLD_OUT = 4
    OVER = 5


BEFORE_THE_OPENING = (SaleState.LOBBY, SaleState.UPCOMING)
PREFERENCES = {state: 1 if state in BEFORE_THE_OPENING else number for number, state in enumerate(BEST_FIRST)}
# More seconds than any date has since 1970.
RANK_STEP = 10**12
RANKS = {
    SaleState.OPEN: ProgrammeRank.ON_SALE,
    SaleState.LOBBY: ProgrammeRank.OPENING,
    SaleState.UPCOMING: ProgrammeRank.OPENING,
    SaleState.SOLD_OUT: ProgrammeRank.SOLD_OUT,
    SaleState.CLOSED: ProgrammeRank.CLOSED,
}

_facets: TTLCache[Facets] = TTLCache(most=1)
_concerts: TTLCache[PublicConcert | None] = TTLCache(most=1024)
_pages: TTLCache[ConcertPage] = TTLCache(most=64)


def search_concerts(filters: Filters) -> QuerySet[Concert]:
    """The available concerts that fit.

    Every word of `search` is somewhere in name, host, cast, description, venue or genre (see search_keys); one
    and the same schedule is on that date of the venue, or within those dates, and in that state.
    """
    found = Concert.objects.filter(IS_AVAILABLE).select_related("venue").defer("search_key", "venue__search_key")
    for word in search_words(filters.search):
        in_genre = Q(genre__in=genres_called(word))
        found = found.filter(fits(word, "search_key") | fits(word, "venue__search_key") | in_genre)
    if filters.genre:
        found = found.filter(genre=filters.genre)
    if filters.venue_id is not None:
        found = found.filter(venue=filters.venue_id)
    for word in search_words(filters.venue):
        found = found.filter(fits(word, "venue__search_key"))
    dates = dates_that_fit(filters)
    return found if dates is None else found.filter(Exists(dates))


def fits(word: str, key: str) -> Q:
    """Whether a word is in a key."""
    pattern = pattern_of(word)
    return Q(**{f"{key}__contains": word}) if pattern is None else Q(**{f"{key}__regex": pattern})


def genres_called(word: str) -> list[str]:
    """The genres with this word in their name, in any of our languages."""
    return [genre for genre, key in genre_keys() if len(word) > 1 and word in key]


@cache
def genre_keys() -> list[tuple[str, str]]:
    keys = []
    for language, _name in settings.LANGUAGES:
        with override(language):
            keys += [(value, f"{joined(str(label))}\n{initials(str(label))}") for value, label in Genre.choices]
    return keys


def dates_that_fit(filters: Filters) -> QuerySet[ConcertSchedule] | None:
    """The dates of a concert that fit; None where any will do."""
    wanted = {"concert_date": filters.on, "concert_date__gte": filters.since, "concert_date__lte": filters.until}
    within = {name: day for name, day in wanted.items() if day is not None}
    if not within and filters.state is None:
        return None
    dates = ConcertSchedule.objects.filter(concert=OuterRef("pk"), **within)
    return dates if filters.state is None else dates.filter(Exact(sale_state_at(), filters.state.value))


def by_next_date(found: QuerySet[Concert]) -> QuerySet[Concert]:
    """Those that play next first; those that are over, or have no date, last."""
    ahead = ConcertSchedule.objects.filter(IS_TO_COME, concert=OuterRef("pk")).order_by("concert_at")
    next_at = Subquery(ahead.values("concert_at")[:1])
    return found.annotate(next_at=next_at).order_by(F("next_at").asc(nulls_last=True), "-pk")


def facets() -> Facets:
    """What the programme can be narrowed by: one query, or none within its second."""
    return _facets.get_or_build(None, lambda: (_read_facets(), MEMORY_SECONDS))


def _read_facets() -> Facets:
    rows = Concert.objects.filter(IS_AVAILABLE).values_list("genre", "venue", "venue__name").distinct()
    genres, venues = set(), {}
    for genre, pk, name in rows:
        genres.add(genre)
        # A concert may have no venue yet.
        if name:
            venues[pk] = name
    return Facets(
        genres=[genre for genre in Genre.values if genre in genres], venues=sorted(venues.items(), key=itemgetter(1, 0))
    )


def in_programme_order(found: QuerySet[Concert]) -> QuerySet[Concert]:
    """What opens next leads, by its opening; then what is on sale, by its next date; what can't be had comes last."""
    dates = ConcertSchedule.objects.filter(concert=OuterRef("pk"))
    # Each date ahead is asked for its state once, which may mean to look at its seats; what is over needs none.
    best = dates.filter(IS_TO_COME).order_by(by_state(PREFERENCES))
    dateless = Case(
        When(Exists(dates), then=Value(ProgrammeRank.OVER * RANK_STEP)),
        default=Value(ProgrammeRank.UNDATED * RANK_STEP),
    )
    place = Coalesce(
        Subquery(best.annotate(place=by_state(RANKS)).values("place")[:1]), dateless, output_field=FloatField()
    )
    in_order = Coalesce(place, dateless, output_field=FloatField())
    return found.annotate(place=in_order).order_by("place", "-pk")


def by_state(first: Mapping[SaleState, int]) -> Case:
    """A number to order dates by: first by what their state is mapped to, then by when they open or are played."""

    def number(state: SaleState) -> Combinable:
        moment = "reservation_available_at" if state in BEFORE_THE_OPENING else "concert_at"
        return Value(float(first[state] * RANK_STEP)) + Extract(moment, "epoch")

    return sale_state_at(then=number)


def public_concerts(page: Sequence[Concert]) -> list[PublicConcert]:
    """These concerts with their schedules: two queries, however many they are."""
    found = {concert.pk: public_concert_from(concert) for concert in page}
    for schedule in public_schedules(sales_of_concerts(list(found))):
        found[schedule.concert].schedules.append(schedule)
    return list(found.values())


def page_of(filters: Filters, *, number: int, size: int) -> ConcertPage:
    """A page of the concerts that fit, at most a second old: everybody starts here. Beyond the last it is the last."""
    return _pages.get_or_build((filters, number, size), lambda: (_read_page(filters, number, size), MEMORY_SECONDS))


def public_concert(concert_id: int) -> PublicConcert | None:
    """One available concert, at most a second old; None if there is none."""
    return _concerts.get_or_build(concert_id, lambda: (_read_concert(concert_id), MEMORY_SECONDS))


def date_in_concert(concert_id: int, schedule_id: int) -> DateInConcert:
    """What a page about one date shows around it, at most a second old."""
    concert = public_concert(concert_id)
    if concert is None:
        return DateInConcert(concert=None, date=None, other_dates=[])
    return DateInConcert(
        concert=concert,
        date=next((each for each in concert.schedules if each.id == schedule_id), None),
        other_dates=[each for each in concert.dates_to_be_had if each.id != schedule_id],
    )


# Of a concert as the public sees it: what isn't a column as it is.
MADE = {"poster", "poster_small", "venue", "schedules"}


def public_concert_from(concert: Concert) -> PublicConcert:
    """A concert whose schedules are yet to be read."""
    return PublicConcert(
        **{name: getattr(concert, name) for name in PublicConcert.__slots__ if name not in MADE},
        poster=concert.poster_url,
        poster_small=concert.poster_small_url,
        venue=PublicVenue(*attrgetter(*PublicVenue.__slots__)(concert.venue)) if concert.venue else None,
        schedules=[],
    )


def _read_page(filters: Filters, number: int, size: int) -> ConcertPage:
    found = search_concerts(filters)
    page = Paginator(in_programme_order(found), size).get_page(number)
    return ConcertPage(public_concerts(list(page)), page.number, page.paginator.num_pages, page.paginator.count)


def _read_concert(concert_id: int) -> PublicConcert | None:
    concert = Concert.objects.filter(IS_AVAILABLE).select_related("venue").filter(pk=concert_id).first()
    return public_concerts([concert])[0] if concert else None


# --- A concert in a few words -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConcertCard:
    """A concert with what its dates have in common.

    `next_schedule` is the first that is still to be played, else the last that was; None without any date. After it
    come `more_dates`, up to `last_schedule`. Prices, `seats_left` and `seats_held` are those of the
    dates in `state`.
    """

    concert: PublicConcert
    state: SaleState | None
    next_schedule: PublicSchedule | None
    last_schedule: PublicSchedule | None
    more_dates: int
    opens_at: datetime | None
    is_over: bool
    lowest: int | None
    highest: int | None
    seats_left: int
    seats_held: int
    # The only sale that goes on, whose progress says how the card stands.
    watched: int | None
    # None of its dates ahead is played.
    is_canceled: bool = False

    @property
    def has_nothing_free(self) -> bool:
        """Whether sales go on and no seat of any can be had now."""
        return has_nothing_free(self.state, self.seats_left)

    @property
    def opens_in(self) -> int | None:
        """Seconds until the first of its sales opens, at least one; None where none is to open."""
        if self.opens_at is None or self.next_schedule is None:
            return None
        return self.next_schedule.seconds_until(self.opens_at)


def concert_card(concert: PublicConcert) -> ConcertCard:
    to_come = [schedule for schedule in concert.schedules if not schedule.is_over]
    # A date that was canceled is named where there is no other.
    played = [schedule for schedule in to_come if schedule.canceled_at is None]
    ahead = played or to_come
    listed = ahead or concert.schedules[-1:]
    state = min((schedule.sale_state for schedule in listed), key=BEST_FIRST.index, default=None)
    alike = [schedule for schedule in listed if schedule.sale_state is state]
    prices = [price.seat_price for schedule in alike for price in schedule.prices]
    return ConcertCard(
        concert=concert,
        state=state,
        next_schedule=listed[0] if listed else None,
        last_schedule=listed[-1] if listed else None,
        more_dates=max(0, len(ahead) - 1),
        opens_at=opening(alike) if state in BEFORE_THE_OPENING else None,
        is_over=bool(listed) and not ahead,
        lowest=min(prices, default=None),
        highest=max(prices, default=None),
        seats_left=sum(schedule.seats_left for schedule in alike),
        seats_held=sum(schedule.seats_held for schedule in alike),
        watched=alike[0].id if state is SaleState.OPEN and len(alike) == 1 else None,
        is_canceled=bool(to_come) and not played,
    )


def opening(schedules: Sequence[PublicSchedule]) -> datetime:
    """When the first of these sales opens."""
    return min(schedule.reservation_available_at for schedule in schedules)
