"""A schedule as it is sold: its terms, which nearly every request asks first, and what is left of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta

from django.db.models.functions import Now

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import Row, fetch, sql_beside
from concert_site.lib.languages import in_language
from concert_site.lib.zones import day_at, zone_of
from queueing.facts import SaleFacts, SaleState, SaleTerms, has_nothing_free, whole_steps
from reservations.models import ConcertSchedule
from reservations.queries.availability import availability_of, room_for_fans

# Raised when the shape of the map's answer changes, so that no copy of the old shape is taken for the new one.
SHAPE = 1
# How old the facts of a schedule may be in a process, in seconds: the same as every other public read.
MEMORY_SECONDS = 1.0
YOUNG = timedelta(minutes=10)

# The seed of the draw stays in the database until the numbers are drawn; before, only its hash leaves it.
FACTS = """
select s.id as schedule_id, s.concert_id, c.name as concert_name, c.status = 'AVAILABLE' as is_public,
       s.concert_date, s.concert_at, s.reservation_available_at as opens_at, s.deadline_at,
       s.tickets_per_fan, s.queue_max_active as max_active, s.queue_paused as is_paused,
       message_in_force(s.queue_message, s.queue_message_until, statement_timestamp()) as message,
       s.layout_version, s.drawn_at, encode(sha256(s.draw_seed), 'hex') as seed_hash,
       case when s.drawn_at is not null then encode(s.draw_seed, 'hex') end as seed,
       v.time_zone, s.canceled_at is not null as is_canceled, s.canceled_at, s.first_concert_at, s.change_reason_ko,
       s.change_reason_en, statement_timestamp() as read_at
  from concert_schedule s join concert c on c.id = s.concert_id left join venue v on v.id = c.venue_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale(SaleTerms):
    """The public facts of one schedule: how it is sold, and what is played when.

    `layout_name` names its map for good, in every database: the seed is born with the schedule.
    """

    concert_name: str
    concert_date: date
    concert_at: datetime
    tickets_per_fan: int
    layout_version: int
    layout_name: str
    first_concert_at: datetime | None
    canceled_at: datetime | None
    change_reason_ko: str
    change_reason_en: str


TERMS = [field.name for field in fields(SaleTerms)]
_sales: TTLCache[Sale | None] = TTLCache(most=4096)


def sale_of(schedule_id: int) -> Sale | None:
    """The facts of a schedule, at most a second old; None if there is no such schedule."""
    return _sales.get_or_build(schedule_id, lambda: _read(schedule_id))


def fresh_sale_of(schedule_id: int) -> Sale | None:
    """The facts of a schedule as they are this moment, for who acts on them or shows them to everybody."""
    sale, seconds = _read(schedule_id)
    _sales.set(schedule_id, sale, seconds)
    return sale


def public_sale_of(schedule_id: int) -> Sale | None:
    """The same for the public, to whom an unavailable concert doesn't exist."""
    sale = sale_of(schedule_id)
    return sale if sale is not None and sale.is_public else None


def sales_of_concerts(concert_ids: Sequence[int]) -> list[Sale]:
    """The facts of all schedules of these concerts, by date: one query."""
    asked_at = time.monotonic()
    rows = fetch(
        FACTS + "where s.concert_id = any(%(concert_ids)s::bigint[]) order by s.concert_at, s.id",
        {"concert_ids": list(concert_ids)},
    )
    return [_sale(row, asked_at) for row in rows]


def facts_of(schedule_id: int) -> SaleFacts | None:
    """What the waiting room has to know of a schedule, as it is this moment; None if there is no such schedule."""
    sale = fresh_sale_of(schedule_id)
    if sale is None:
        return None
    seats = availability_of(schedule_id)
    terms = {name: getattr(sale, name) for name in TERMS}
    return SaleFacts(
        **terms,
        seats_left=seats.seats_left,
        is_sold_out=seats.is_sold_out,
        seats_held=seats.seats_held,
        next_lapse=seats.next_lapse,
    )


def tick_facts_of(schedule_id: int, *, now: datetime | None = None) -> SaleFacts | None:
    """The same for who is about to admit fans, with how many the seats can serve."""
    facts = facts_of(schedule_id)
    if facts is None or facts.is_paused or facts.state_at(now or facts.now) is not SaleState.OPEN:
        return facts
    return replace(facts, room=room_for_fans(schedule_id, facts.seats_left, cap=facts.max_active, now=now))


def is_a_sale_young() -> bool:
    """Whether any sale has opened within the last minutes, so that its tables still change their nature."""
    opened = ConcertSchedule.objects.filter(
        reservation_available_at__lte=Now(), reservation_available_at__gt=Now() - YOUNG, deadline_at__gt=Now()
    )
    return opened.exists()


def _read(schedule_id: int) -> tuple[Sale | None, float]:
    # The clock is read before the question, so that facts never pass for younger than they are.
    asked_at = time.monotonic()
    rows = fetch(FACTS + "where s.id = %(schedule_id)s::bigint", {"schedule_id": schedule_id})
    sale = _sale(rows[0], asked_at) if rows else None
    return sale, asked_at + MEMORY_SECONDS - time.monotonic()


def _sale(row: Row, asked_at: float) -> Sale:
    return Sale(**row, layout_name=f"{SHAPE}-{row['seed_hash'][:16]}-{row['layout_version']}", asked_at=asked_at)


# --- As the public sees it: prices and what is left beside ------------------------------------------------


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
    seats_held: int
    next_lapse: datetime | None


@dataclass(frozen=True, slots=True)
class PublicSchedule:
    """A schedule as the public sees it, as it stood at `read_at` by PostgreSQL's clock.

    `seats_held` are in checkouts; the first of them comes back at `next_lapse`, if it isn't paid.
    `time_zone` is the venue's, else the house's. `first_concert_at` is when it was first announced for, had it moved;
    `change_reasons` say by language why it was, or why it was canceled.
    """

    id: int
    concert: int
    concert_date: date
    concert_at: datetime
    time_zone: str
    lobby_at: datetime
    reservation_available_at: datetime
    deadline_at: datetime
    sale_state: SaleState
    tickets_per_fan: int
    prices: list[Price]
    seats_left: int
    layout_name: str
    read_at: datetime
    seats_held: int
    next_lapse: datetime | None
    first_concert_at: datetime | None = None
    canceled_at: datetime | None = None
    change_reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def moved_from(self) -> date | None:
        """The day that it was first announced for, where it is played on another one by now."""
        announced = day_at(self.first_concert_at, self.time_zone) if self.first_concert_at else None
        return announced if announced != self.concert_date else None

    @property
    def is_over(self) -> bool:
        """Whether it has begun: for who looks for a concert, that is over."""
        return self.concert_at <= self.read_at

    @property
    def change_reason(self) -> str:
        return in_language(self.change_reasons) or ""

    @property
    def has_nothing_free(self) -> bool:
        """Whether its sale goes on and no seat can be had now: all are sold, or in somebody's checkout."""
        return has_nothing_free(self.sale_state, self.seats_left)

    def seconds_until(self, moment: datetime) -> int:
        """Whole seconds, at least one: a countdown from nothing would ask for the page over and over."""
        return max(1, round((moment - self.read_at).total_seconds()))

    @property
    def returns_in(self) -> int | None:
        """Seconds until the first of the held seats comes back, if it does; None where nothing is held."""
        return None if self.next_lapse is None else whole_steps((self.next_lapse - self.read_at).total_seconds())


# By the schedules of one page, which are asked for together.
_inventories: TTLCache[dict[int, Inventory]] = TTLCache()


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
        time_zone=zone_of(sale.time_zone).key,
        lobby_at=sale.lobby_at,
        reservation_available_at=sale.opens_at,
        deadline_at=sale.deadline_at,
        sale_state=sale.sale_state_at(now, is_sold_out=inventory.is_sold_out),
        tickets_per_fan=sale.tickets_per_fan,
        prices=inventory.prices,
        seats_left=inventory.seats_left,
        layout_name=sale.layout_name,
        read_at=now,
        seats_held=inventory.seats_held,
        next_lapse=inventory.next_lapse,
        first_concert_at=sale.first_concert_at,
        canceled_at=sale.canceled_at,
        change_reasons={"ko": sale.change_reason_ko, "en": sale.change_reason_en},
    )


def inventories(schedule_ids: Sequence[int]) -> dict[int, Inventory]:
    """Prices and what is left of each of these schedules: one query, or none within its second."""
    if not schedule_ids:
        return {}
    return _inventories.get_or_build(tuple(schedule_ids), lambda: (_read_inventories(schedule_ids), MEMORY_SECONDS))


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
        seats_held=sum(row["seats_held"] for row in rows),
        next_lapse=min((row["next_lapse"] for row in rows if row["next_lapse"]), default=None),
    )
