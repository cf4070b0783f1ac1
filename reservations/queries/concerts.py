"""Concerts as the public finds them, each with its schedules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from django.core.paginator import Paginator
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact

from concert_site.lib.cache import TTLCache
from queueing.facts import SaleState
from reservations.models import Concert, ConcertSchedule
from reservations.models.concert import ConcertQuerySet, sale_state_at
from reservations.queries.sales import MEMORY_SECONDS, PublicSchedule, public_schedules, sales_of_concerts


@dataclass(frozen=True, slots=True)
class PublicConcert:
    """A concert as the public sees it. `poster` is an address on this site, `poster_small` that of one for lists."""

    id: int
    name: str
    host: str
    description: str
    status: str
    poster: str | None
    poster_small: str | None
    schedules: list[PublicSchedule]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader looks for, see `search_concerts`."""

    search: str = ""
    on: date | None = None
    state: SaleState | None = None


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


# What a reader would rather hear of, where the dates of a concert differ.
BEST_FIRST = (SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING, SaleState.SOLD_OUT, SaleState.CLOSED)
BEFORE_THE_OPENING = (SaleState.LOBBY, SaleState.UPCOMING)
RANKS = {
    SaleState.OPEN: ProgrammeRank.ON_SALE,
    SaleState.LOBBY: ProgrammeRank.OPENING,
    SaleState.UPCOMING: ProgrammeRank.OPENING,
    SaleState.SOLD_OUT: ProgrammeRank.SOLD_OUT,
    SaleState.CLOSED: ProgrammeRank.CLOSED,
}

_concerts: TTLCache[PublicConcert | None] = TTLCache(most=1024)
_pages: TTLCache[ConcertPage] = TTLCache(most=64)


def search_concerts(*, search: str = "", on: date | None = None, state: SaleState | None = None) -> ConcertQuerySet:
    """The available concerts that fit, by their next date; those that are over, or have no date, come last.

    Every word of `search` is somewhere in name, host or description; one and the same schedule is `on`
    that date of the venue and in that `state`.
    """
    found = Concert.objects.available()
    for word in search.split():
        found = found.filter(Q(name__icontains=word) | Q(host__icontains=word) | Q(description__icontains=word))
    schedules = ConcertSchedule.objects.filter(concert=OuterRef("pk"))
    if on is not None or state is not None:
        fitting = schedules if on is None else schedules.filter(concert_date=on)
        found = found.filter(Exists(fitting.filter(Exact(sale_state_at(), state.value)) if state else fitting))
    next_schedule = schedules.filter(concert_at__gte=Now()).order_by("concert_at").values("concert_at")[:1]
    return found.annotate(next_at=Subquery(next_schedule)).order_by(F("next_at").asc(nulls_last=True), "-pk")


def in_programme_order(found: ConcertQuerySet) -> ConcertQuerySet:
    """What opens next leads, by its opening; then what is on sale, by its next date; what can't be had comes last."""
    dates = ConcertSchedule.objects.filter(concert=OuterRef("pk"))
    # The state of each date ahead is asked once; what is over needs none.
    ahead = dates.filter(concert_at__gt=Now()).annotate(state=sale_state_at())
    best = ahead.annotate(
        preference=Case(*(When(state=state.value, then=Value(at)) for at, state in enumerate(BEST_FIRST))),
        rank=Case(*(When(state=state.value, then=Value(rank.value)) for state, rank in RANKS.items())),
        at=Case(When(rank=ProgrammeRank.OPENING.value, then="reservation_available_at"), default="concert_at"),
    ).order_by("preference", "at")
    dateless = Case(
        When(Exists(dates), then=Value(ProgrammeRank.OVER.value)), default=Value(ProgrammeRank.UNDATED.value)
    )
    return found.annotate(
        rank=Coalesce(Subquery(best.values("rank")[:1]), dateless, output_field=IntegerField()),
        at=Subquery(best.values("at")[:1]),
    ).order_by("rank", F("at").asc(nulls_last=True), "-pk")


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


def public_concert_from(concert: Concert) -> PublicConcert:
    """A concert whose schedules are yet to be read."""
    return PublicConcert(
        id=concert.pk,
        name=concert.name,
        host=concert.host,
        description=concert.description,
        status=concert.status,
        poster=concert.poster_url,
        poster_small=concert.poster_small_url,
        schedules=[],
    )


def _read_page(filters: Filters, number: int, size: int) -> ConcertPage:
    found = search_concerts(search=filters.search, on=filters.on, state=filters.state)
    page = Paginator(in_programme_order(found), size).get_page(number)
    return ConcertPage(public_concerts(list(page)), page.number, page.paginator.num_pages, page.paginator.count)


def _read_concert(concert_id: int) -> PublicConcert | None:
    concert = Concert.objects.available().filter(pk=concert_id).first()
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

    @property
    def has_nothing_free(self) -> bool:
        """Whether sales go on and no seat of any can be had now."""
        return self.state is SaleState.OPEN and not self.seats_left

    @property
    def opens_in(self) -> int | None:
        """Seconds until the first of its sales opens, at least one; None where none is to open."""
        if self.opens_at is None or self.next_schedule is None:
            return None
        return max(1, round((self.opens_at - self.next_schedule.read_at).total_seconds()))


def concert_card(concert: PublicConcert) -> ConcertCard:
    ahead = [schedule for schedule in concert.schedules if not is_over(schedule)]
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
    )


# Dates that are still worth naming to who can't have another one.
WORTH_NAMING = {SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING}


def to_be_had(schedules: Sequence[PublicSchedule]) -> list[PublicSchedule]:
    """Those of these that a fan may still get a seat for, the ones with free seats first."""
    found = [each for each in schedules if each.sale_state in WORTH_NAMING and not is_over(each)]
    return sorted((each for each in found if each.seats_left), key=lambda each: BEST_FIRST.index(each.sale_state))


def is_over(schedule: PublicSchedule) -> bool:
    """Whether it has begun: for who looks for a concert, that is over."""
    return schedule.concert_at <= schedule.read_at


def opening(schedules: Sequence[PublicSchedule]) -> datetime:
    """When the first of these sales opens."""
    return min(schedule.reservation_available_at for schedule in schedules)
