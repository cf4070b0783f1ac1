"""The public facts of a schedule: what nearly every request asks first, and what seldom changes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models.functions import Now

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import Row, fetch
from queueing.facts import SaleFacts, SaleState, carried_on, lobby_before, sale_state
from reservations.models import ConcertSchedule, ConcertStatus
from reservations.queries.availability import availability_of, room_for_fans

# How old the facts of a schedule may be in a process, in seconds.
MEMORY_SECONDS = 1.0
YOUNG = timedelta(minutes=10)

# The seed of the draw stays in the database until the numbers are drawn; before, only its hash leaves it.
FACTS = """
select s.id as schedule_id, s.concert_id, c.name as concert_name, c.status as concert_status,
       s.concert_date, s.concert_at, s.reservation_available_at, s.deadline_at,
       s.tickets_per_fan, s.queue_max_active, s.queue_paused, s.queue_message,
       s.layout_version, s.drawn_at, encode(sha256(s.draw_seed), 'hex') as seed_hash,
       case when s.drawn_at is not null then encode(s.draw_seed, 'hex') end as seed,
       statement_timestamp() as read_at
  from concert_schedule s join concert c on c.id = s.concert_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """The facts of one schedule as PostgreSQL told them at `read_at`, when our clock stood at `asked_at`.

    `seed_hash` and, once the numbers are drawn, `seed` are hex.
    """

    schedule_id: int
    concert_id: int
    concert_name: str
    concert_status: str
    concert_date: date
    concert_at: datetime
    reservation_available_at: datetime
    deadline_at: datetime
    tickets_per_fan: int
    queue_max_active: int
    queue_paused: bool
    queue_message: str
    layout_version: int
    drawn_at: datetime | None
    seed_hash: str
    seed: str | None
    read_at: datetime
    asked_at: float

    @property
    def is_public(self) -> bool:
        """Whether the public may know of it."""
        return self.concert_status == ConcertStatus.AVAILABLE

    def is_open_at(self, now: datetime) -> bool:
        """Whether who is inside may choose seats at `now`, be there any left or not."""
        return self.state_at(now, is_sold_out=False) is SaleState.OPEN

    @property
    def lobby_at(self) -> datetime:
        """When the lobby opens; the opening itself where there is to be none."""
        return lobby_before(self.reservation_available_at)

    def state_at(self, now: datetime, *, is_sold_out: bool) -> SaleState:
        return sale_state(
            is_public=self.is_public,
            opens_at=self.reservation_available_at,
            deadline_at=self.deadline_at,
            is_sold_out=is_sold_out,
            now=now,
        )

    def now(self) -> datetime:
        """PostgreSQL's time at this moment."""
        return carried_on(self.read_at, asked_at=self.asked_at)


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
    return SaleFacts(
        schedule_id=schedule_id,
        concert_id=sale.concert_id,
        is_public=sale.is_public,
        opens_at=sale.reservation_available_at,
        deadline_at=sale.deadline_at,
        max_active=sale.queue_max_active,
        is_paused=sale.queue_paused,
        message=sale.queue_message,
        seats_left=seats.seats_left,
        is_sold_out=seats.is_sold_out,
        drawn_at=sale.drawn_at,
        seed_hash=sale.seed_hash,
        seed=sale.seed,
        read_at=sale.read_at,
        asked_at=sale.asked_at,
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
    return Sale(**row, asked_at=asked_at)
