"""What the public can see of concerts and their schedules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.core.paginator import Paginator
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import Row, fetch, sql_beside
from queueing.facts import SaleState
from reservations.models import Concert, ConcertSchedule
from reservations.models.concert import ConcertQuerySet, sale_state_at
from reservations.queries.sales import Sale, public_sale_of, sales_of_concerts

# How old prices and counts may be in a process, in seconds: the same as every other public read.
MEMORY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Price:
    """What a category costs."""

    category: str
    seat_price: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a schedule costs and what is left of it."""

    prices: list[Price]
    seats_left: int
    is_sold_out: bool


@dataclass(frozen=True, slots=True)
class PublicSchedule:
    """A schedule as the public sees it, as it stood at `read_at` by PostgreSQL's clock."""

    id: int
    concert: int
    concert_date: date
    concert_at: datetime
    lobby_at: datetime
    reservation_available_at: datetime
    deadline_at: datetime
    sale_state: SaleState
    tickets_per_fan: int
    prices: list[Price]
    seats_left: int
    layout_name: str
    read_at: datetime


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


# By the schedules of one page, which are asked for together.
_inventories: TTLCache[dict[int, Inventory]] = TTLCache()
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


def public_concerts(page: Sequence[Concert]) -> list[PublicConcert]:
    """These concerts with their schedules: two queries, however many they are."""
    by_concert: dict[int, list[PublicSchedule]] = {concert.pk: [] for concert in page}
    for schedule in public_schedules(sales_of_concerts(list(by_concert))):
        by_concert[schedule.concert].append(schedule)
    return [public_concert_from(concert, by_concert[concert.pk]) for concert in page]


def page_of(filters: Filters, *, number: int, size: int) -> ConcertPage:
    """A page of the concerts that fit, at most a second old: everybody starts here. Beyond the last it is the last."""
    return _pages.get_or_build((filters, number, size), lambda: (_read_page(filters, number, size), MEMORY_SECONDS))


def public_concert(concert_id: int) -> PublicConcert | None:
    """One available concert, at most a second old; None if there is none."""
    return _concerts.get_or_build(concert_id, lambda: (_read_concert(concert_id), MEMORY_SECONDS))


def public_schedule(schedule_id: int) -> PublicSchedule | None:
    """One schedule of an available concert, at most a second old; None if there is none."""
    sale = public_sale_of(schedule_id)
    return None if sale is None else public_schedules([sale])[0]


def public_schedules(sales: Sequence[Sale]) -> list[PublicSchedule]:
    """These schedules with prices and what is left: at most one query."""
    found = inventories([sale.schedule_id for sale in sales])
    return [public_schedule_from(sale, found[sale.schedule_id]) for sale in sales]


def public_schedule_from(sale: Sale, inventory: Inventory) -> PublicSchedule:
    """A schedule as it stands this moment."""
    now = sale.now
    return PublicSchedule(
        id=sale.schedule_id,
        concert=sale.concert_id,
        concert_date=sale.concert_date,
        concert_at=sale.concert_at,
        lobby_at=sale.lobby_at,
        reservation_available_at=sale.opens_at,
        deadline_at=sale.deadline_at,
        sale_state=sale.sale_state_at(now, is_sold_out=inventory.is_sold_out),
        tickets_per_fan=sale.tickets_per_fan,
        prices=inventory.prices,
        seats_left=inventory.seats_left,
        layout_name=sale.layout_name,
        read_at=now,
    )


def inventories(schedule_ids: Sequence[int]) -> dict[int, Inventory]:
    """Prices and what is left of each of these schedules: one query, or none within its second."""
    if not schedule_ids:
        return {}
    return _inventories.get_or_build(tuple(schedule_ids), lambda: (_read_inventories(schedule_ids), MEMORY_SECONDS))


def public_concert_from(concert: Concert, schedules: list[PublicSchedule]) -> PublicConcert:
    return PublicConcert(
        id=concert.pk,
        name=concert.name,
        host=concert.host,
        description=concert.description,
        status=concert.status,
        poster=concert.poster_url,
        poster_small=concert.poster_small_url,
        schedules=schedules,
    )


def _read_page(filters: Filters, number: int, size: int) -> ConcertPage:
    found = search_concerts(search=filters.search, on=filters.on, state=filters.state)
    page = Paginator(found, size).get_page(number)
    return ConcertPage(public_concerts(list(page)), page.number, page.paginator.num_pages, page.paginator.count)


def _read_concert(concert_id: int) -> PublicConcert | None:
    concert = Concert.objects.available().filter(pk=concert_id).first()
    return public_concerts([concert])[0] if concert else None


def _read_inventories(schedule_ids: Sequence[int]) -> dict[int, Inventory]:
    rows_of: dict[int, list[Row]] = {schedule_id: [] for schedule_id in schedule_ids}
    for row in fetch(sql_beside(__file__, "inventories.sql"), {"schedule_ids": list(schedule_ids)}):
        rows_of[row["schedule_id"]].append(row)
    return {schedule_id: _inventory(rows) for schedule_id, rows in rows_of.items()}


def _inventory(rows: list[Row]) -> Inventory:
    """Add up the rows of one schedule: a row a category and price."""
    return Inventory(
        prices=[Price(row["category"], row["seat_price"]) for row in rows],
        seats_left=sum(row["seats_left"] for row in rows),
        is_sold_out=any(row["is_sold_out"] for row in rows),
    )


# --- A concert in a few words -------------------------------------------------------------------

# What a reader would rather hear of, where the dates of a concert differ.
BEST_FIRST = (SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING, SaleState.SOLD_OUT, SaleState.CLOSED)
BEFORE_THE_OPENING = (SaleState.LOBBY, SaleState.UPCOMING)


@dataclass(frozen=True, slots=True)
class ConcertCard:
    """A concert with what its dates have in common.

    `next_schedule` is the first that is still to be played, else the last that was; None without any date.
    `more_dates` counts the others ahead. Prices and `seats_left` are those of the dates in `state`.
    """

    concert: PublicConcert
    state: SaleState | None
    next_schedule: PublicSchedule | None
    more_dates: int
    opens_at: datetime | None
    is_over: bool
    lowest: int | None
    highest: int | None
    seats_left: int


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
        more_dates=max(0, len(ahead) - 1),
        opens_at=opening(alike) if state in BEFORE_THE_OPENING else None,
        is_over=bool(listed) and not ahead,
        lowest=min(prices, default=None),
        highest=max(prices, default=None),
        seats_left=sum(schedule.seats_left for schedule in alike),
    )


def is_over(schedule: PublicSchedule) -> bool:
    """Whether it has begun: for who looks for a concert, that is over."""
    return schedule.concert_at <= schedule.read_at


def opening(schedules: Sequence[PublicSchedule]) -> datetime:
    """When the first of these sales opens."""
    return min(schedule.reservation_available_at for schedule in schedules)
