"""The library of halls, as staff see it: versions, and which dates were made of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery

from reservations.models import Concert, ConcertSchedule, HallVersion, VenueHall


def halls(rows: QuerySet[VenueHall]) -> QuerySet[VenueHall]:
    """Halls with their venue, the number and the seats of their newest plan, and how many dates are made of them."""
    newest = HallVersion.objects.filter(hall=OuterRef("pk")).order_by("-version")
    dates = ConcertSchedule.objects.filter(hall_version__hall=OuterRef("pk")).order_by().values("hall_version__hall")
    return rows.select_related("venue").annotate(
        version=Subquery(newest.values("version")[:1]),
        seats=Subquery(newest.values("seat_count")[:1]),
        dates=Subquery(dates.annotate(number=Count("pk")).values("number")),
    )


def versions(hall_id: int) -> list[HallVersion]:
    """The plans of a hall, the newest first, each with the number of its dates; without their seats."""
    plans = HallVersion.objects.filter(hall=hall_id).defer("seats", "layout")
    return list(plans.annotate(dates=Count("schedules")).order_by("-version"))


def plan_with_seats(hall_id: int, version: int | None = None) -> HallVersion | None:
    """A version of a hall's plan with everything, the newest if none is named; None if there is none."""
    plans = HallVersion.objects.filter(hall=hall_id).select_related("hall__venue").order_by("-version")
    return (plans if version is None else plans.filter(version=version)).first()


def choosable(concert: Concert) -> list[HallVersion]:
    """The newest plan of each hall where a concert can be played: of its venue, or of all while it has none."""
    newest = HallVersion.objects.filter(hall=OuterRef("hall")).order_by("-version").values("pk")[:1]
    plans = HallVersion.objects.filter(pk=Subquery(newest)).select_related("hall__venue").defer("seats", "layout")
    if concert.venue_id is not None:
        plans = plans.filter(hall__venue=concert.venue_id)
    return list(plans.order_by("hall__venue__name", "hall__name", "pk"))


@dataclass(frozen=True, slots=True)
class SectionSize:
    """A section of a plan: how many rows and seats it has."""

    name: str
    rows: int
    seats: int


def section_sizes(seats: Iterable[tuple[str, str]]) -> list[SectionSize]:
    """The sections of a plan, of whose seats the section and the row are given."""
    rows = Counter(seats)
    sizes: Counter[str] = Counter()
    for (section, _row), count in rows.items():
        sizes[section] += count
    return [SectionSize(name, count, sizes[name]) for name, count in Counter(section for section, _row in rows).items()]


def dots_of(plan: HallVersion) -> Sequence[tuple[float, float, str]]:
    return [(seat["x"], seat["y"], seat["category"]) for seat in plan.seats]


def last_prices(concert_id: int, plan: HallVersion) -> dict[str, int]:
    """What the categories of a plan cost on the last date of a concert that has them; else on the hall's last date."""
    names = {each["name"] for each in plan.categories}
    for dates in (
        ConcertSchedule.objects.filter(concert=concert_id, seats__category__in=names),
        ConcertSchedule.objects.filter(hall_version__hall=plan.hall_id),
    ):
        date = dates.order_by("-pk").values_list("pk", flat=True).first()
        if date is not None:
            return prices_of(date)
    return {}


def prices_of(schedule_id: int) -> dict[str, int]:
    """What most of the seats of each category of a date cost, in minor units."""
    seats = ConcertSchedule.objects.filter(pk=schedule_id).order_by().values("seats__category", "seats__seat_price")
    counted = seats.annotate(number=Count("seats")).order_by("number")
    return {row["seats__category"]: row["seats__seat_price"] for row in counted if row["seats__seat_price"]}
