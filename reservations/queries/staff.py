"""What staff see of concerts and dates: how each stands, without a query a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    Count,
    DateField,
    DateTimeField,
    F,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Cast, JSONObject, Now
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from concert_site.lib.formats import day_and_time
from queueing.facts import SaleState
from reservations.models import Concert, ConcertSchedule, ConcertSeat, SeatStatus
from reservations.models.concert import IS_CANCELED, IS_PUBLIC, IS_TO_COME, MESSAGE_IN_FORCE, sale_state_at
from reservations.models.seat import IS_FREE, IS_HELD

# In the order of SeatCounts.
STATES = ("left", "held", "sold", "off")


class ScheduleState(TextChoices):
    """Where a date stands, in the eyes of staff: the state of its sale, or that the public doesn't see it."""

    UNPUBLISHED = "UNPUBLISHED", _("not published")
    UPCOMING = "UPCOMING", _("upcoming")
    LOBBY = "LOBBY", _("waiting room open")
    OPEN = "OPEN", _("on sale")
    SOLD_OUT = "SOLD_OUT", _("sold out")
    CLOSED = "CLOSED", _("closed")
    CANCELED = "CANCELED", _("canceled")

    @classmethod
    def of(cls, state: SaleState, *, is_public: bool, is_canceled: bool) -> "ScheduleState":
        """The same as `schedule_state_now` has it, for who knows these."""
        if is_canceled:
            return cls.CANCELED
        return cls(state.value) if is_public else cls.UNPUBLISHED


@dataclass(frozen=True, slots=True)
class SeatCounts:
    """The seats of a hall by what has become of them; a hold that is over counts as left."""

    left: int = 0
    held: int = 0
    sold: int = 0
    off: int = 0

    @property
    def total(self) -> int:
        return self.left + self.held + self.sold + self.off


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """The same of one category at one price."""

    category: str
    price: int
    seats: SeatCounts


def count_aggregates() -> dict[str, Count]:
    """The aggregates of SeatCounts over seats."""
    return {
        "left": Count("pk", filter=IS_FREE),
        "held": Count("pk", filter=IS_HELD),
        "sold": Count("pk", filter=Q(status=SeatStatus.RESERVED)),
        "off": Count("pk", filter=Q(status=SeatStatus.UNAVAILABLE)),
    }


def counts_subquery(seats: QuerySet[ConcertSeat], by: str) -> Subquery:
    """The counts of these seats as one JSON object, in one pass over them."""
    groups = seats.order_by().values(by).annotate(of_seats=JSONObject(**count_aggregates()))
    return Subquery(groups.values("of_seats"))


def schedules(rows: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
    """Dates with their concert, their counts and the time of reading; the seed of the draw stays where it is."""
    seats = ConcertSeat.objects.filter(concert_schedule=OuterRef("pk"))
    return (
        rows.select_related("concert__venue")
        .defer("draw_seed", "layout")
        .annotate(
            of_seats=counts_subquery(seats, "concert_schedule"),
            state=schedule_state_now(),
            message=MESSAGE_IN_FORCE,
            read_at=Now(),
        )
    )


def schedule_state_now() -> Case:
    """Where a date stands in the eyes of staff."""
    return Case(
        When(IS_CANCELED, then=Value(ScheduleState.CANCELED.value)),
        When(~IS_PUBLIC, then=Value(ScheduleState.UNPUBLISHED.value)),
        default=sale_state_at(),
    )


def in_schedule_state(rows: QuerySet[ConcertSchedule], state: str) -> QuerySet[ConcertSchedule]:
    return rows.filter(Exact(schedule_state_now(), state))


def concerts(rows: QuerySet[Concert]) -> QuerySet[Concert]:
    """Concerts with how many dates they have, when the next one is, and the counts of all that are still to come."""
    dates = ConcertSchedule.objects.filter(concert=OuterRef("pk"))
    number = dates.order_by().values("concert").annotate(number=Count("pk")).values("number")
    to_come = ConcertSeat.objects.filter(
        concert_schedule__concert=OuterRef("pk"), concert_schedule__concert_at__gt=Now()
    )
    return rows.annotate(
        dates=Subquery(number),
        next_at=Subquery(
            dates.filter(IS_TO_COME).order_by("concert_at").values("concert_at")[:1],
            output_field=DateTimeField(),
        ),
        of_seats=counts_subquery(to_come, "concert_schedule__concert"),
    )


def seat_counts(row: Model) -> SeatCounts:
    found: dict[str, int] | None = annotation(row, "of_seats")
    return SeatCounts(**found) if found else SeatCounts()


def schedule_state(schedule: ConcertSchedule) -> ScheduleState:
    return ScheduleState(annotation(schedule, "state"))


def annotation(row: Model, name: str) -> Any:  # Any: each annotation is of a type of its own
    """What a query here put on a row."""
    return getattr(row, name)


def by_category(schedule_id: int) -> list[CategoryCounts]:
    """The seats of a date by category and price, dearest first: one query."""
    groups = ConcertSeat.objects.filter(concert_schedule=schedule_id).order_by("-seat_price", "category")
    return [
        CategoryCounts(category, price, SeatCounts(*numbers))
        for category, price, *numbers in groups.values("category", "seat_price")
        .annotate(**count_aggregates())
        .values_list("category", "seat_price", *STATES)
    ]


def total_counts(groups: Sequence[CategoryCounts]) -> SeatCounts:
    return SeatCounts(*(sum(getattr(group.seats, name) for group in groups) for name in STATES))


# A house that plays more in a day looks at the list of dates.
MOST_TODAY = 12


def played_today() -> list[ConcertSchedule]:
    """The dates that are played today, by the house's own clocks, with their counts: one query."""
    today = Func(Value(None, output_field=CharField()), Value(settings.TIME_ZONE), Now(), function="day_at")
    rows = ConcertSchedule.objects.filter(~IS_CANCELED, IS_PUBLIC, Exact(F("concert_date"), Cast(today, DateField())))
    return list(schedules(rows).order_by("concert_at", "pk")[:MOST_TODAY])


def date_name(schedule: ConcertSchedule) -> str:
    """What is played and when, in the venue's time."""
    return f"{schedule.concert.name}, {day_and_time(schedule.concert_at, schedule.concert.time_zone)}"
