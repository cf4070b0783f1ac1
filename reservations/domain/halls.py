"""The library of halls: a plan is imported once, and gives each date its seats."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import Row, execute, fetch_one, sql_beside
from concert_site.lib.errors import Conflict, Invalid, NotFound, require_found
from reservations.domain.seat_setup import require_no_seats
from reservations.domain.transactions import lock_row, lock_schedule, raise_on_integrity_error
from reservations.halls.hall import Hall, is_price
from reservations.models import ConcertSchedule, HallVersion, SeatStatus, VenueHall

LONGEST_SOURCE = 200
Prices = Mapping[str, int]


class HallNameTaken(Conflict):
    detail = _("This venue has a hall of this name already.")

    def __init__(self) -> None:
        super().__init__(attr="name")


def add_hall(
    *, venue_id: int, name: str, hall: Hall | None = None, source: str = "", actor_id: int | None = None
) -> VenueHall:
    """Add a hall to a venue, with its first plan if there is one.

    :raises Conflict: if the venue has a hall of this name
    """
    with raise_on_integrity_error(HallNameTaken()), transaction.atomic(durable=True):
        added = VenueHall.objects.create(venue_id=venue_id, name=name)
        if hall is not None:
            write_plan(added.pk, 1, hall.layout(), list(seats_as_json(hall)), source, actor_id)
    return added


def rename_hall(*, hall_id: int, name: str) -> None:
    """
    :raises NotFound: if there is no such hall
    :raises Conflict: if its venue has another one of this name
    """
    with raise_on_integrity_error(HallNameTaken()), transaction.atomic(durable=True):
        if VenueHall.objects.filter(pk=hall_id).update(name=name) != 1:
            raise NotFound


@transaction.atomic(durable=True)
def replace_plan(
    *, hall_id: int, hall: Hall, base_version: int, source: str = "", actor_id: int | None = None
) -> HallVersion:
    """Give a hall its first or next plan, for dates that are made from now on; others keep theirs.

    :param base_version: the version that was looked at, 0 if there was none
    :raises NotFound: if there is no such hall
    :raises Conflict: if somebody replaced the plan meanwhile
    """
    lock_row(VenueHall.objects.all(), hall_id)
    latest = latest_version(hall_id)
    if latest != base_version:
        text = _("Somebody has replaced this plan meanwhile: it is version %(version)d now. Look at it first.")
        raise Conflict(text % {"version": latest})
    return write_plan(hall_id, latest + 1, hall.layout(), list(seats_as_json(hall)), source, actor_id)


def latest_version(hall_id: int) -> int:
    """The number of a hall's newest plan; 0 if it has none."""
    found = HallVersion.objects.filter(hall=hall_id).order_by("-version").values_list("version", flat=True).first()
    return found or 0


def write_plan(  # noqa: PLR0917  the columns of a version
    hall_id: int, version: int, layout: dict[str, Any], seats: Sequence[Row], source: str, actor_id: int | None
) -> HallVersion:
    """Write a version: a step of the caller's transaction."""
    sizes = Counter(seat["category"] for seat in seats)
    names = dict.fromkeys([*(str(each.get("name")) for each in layout.get("categories", [])), *sizes])
    return HallVersion.objects.create(
        hall_id=hall_id,
        version=version,
        layout=layout,
        seats=seats,
        categories=[{"name": name, "seats": sizes[name]} for name in names if sizes[name]],
        seat_count=len(seats),
        source=PurePath(source).name[:LONGEST_SOURCE],
        actor_id=actor_id,
    )


def seats_as_json(hall: Hall) -> Iterator[Row]:
    """The seats as hall_seats.sql reads them; what few seats are is left out of the others."""
    for seat, place in zip(hall.seats, hall.places(), strict=True):
        row: Row = {
            "section": seat.section,
            "row": seat.row,
            "seat_number": seat.number,
            "seat_label": seat.label,
            "seat_guid": seat.guid,
            "category": seat.category.name,
            "row_index": seat.row_index,
            "x": seat.x,
            "y": seat.y,
            "stretch": place.stretch,
            "place": place.place,
            "nearness": place.nearness,
        }
        row |= {"accessible": True} if seat.is_accessible else {}
        row |= {"companion": True} if seat.is_companion else {}
        yield row | ({"status": SeatStatus.UNAVAILABLE.value} if seat.is_off_sale else {})


def delete_hall(*, hall_id: int) -> None:
    """Delete a hall with its plans, if no date was made of them.

    :raises Conflict: if one was
    """
    in_use = Conflict(_("Dates were made of this hall, so it stays."))
    with raise_on_integrity_error(in_use), transaction.atomic(durable=True):
        if ConcertSchedule.objects.filter(hall_version__hall=hall_id).exists():
            raise in_use
        HallVersion.objects.filter(hall=hall_id).delete()
        VenueHall.objects.filter(pk=hall_id).delete()


@transaction.atomic(durable=True)
def keep_as_hall(*, schedule_id: int, venue_id: int, name: str, actor_id: int | None = None) -> VenueHall:
    """Put the seats and the map of a date into the library, as a new hall; the date is made of it from then on.

    :raises NotFound: if there is no such date
    :raises Conflict: if it has no seats, or the venue has a hall of this name
    """
    schedule = lock_schedule(schedule_id)
    seats = fetch_one(sql_beside(__file__, "date_seats_as_plan.sql"), {"schedule": schedule_id})["seats"]
    if not seats:
        raise Conflict(_("This date has no seats."))
    if VenueHall.objects.filter(venue=venue_id, name=name).exists():
        raise HallNameTaken
    kept = VenueHall.objects.create(venue_id=venue_id, name=name)
    plan = write_plan(kept.pk, 1, schedule.layout, seats, "", actor_id)
    ConcertSchedule.objects.filter(pk=schedule_id).update(hall_version=plan)
    return kept


# --- Seats of a date -------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def use_hall(*, schedule_id: int, plan_id: int, prices: Prices) -> int:
    """Give a date that has no seats those of a plan of the library, at these prices by category; return how many.

    :raises NotFound: if there is no such date or plan
    :raises Invalid: naming a category without a price
    :raises Conflict: if the date has seats already
    """
    schedule = lock_schedule(schedule_id)
    require_no_seats(schedule_id)
    plan = plan_of(plan_id)
    require_prices(plan, prices)
    ConcertSchedule.objects.filter(pk=schedule_id).update(
        layout=plan.layout, hall_version=plan, layout_version=F("layout_version") + 1
    )
    return write_seats(schedule, plan, prices)


def plan_of(plan_id: int) -> HallVersion:
    """A plan without its seats.

    :raises NotFound: if there is none
    """
    return require_found(HallVersion.objects.select_related("hall__venue").defer("seats").filter(pk=plan_id).first())


def require_prices(plan: HallVersion, prices: Prices) -> None:
    """
    :raises Invalid: naming a category of the plan that has no price
    """
    for category in plan.categories:
        if not is_price(prices.get(category["name"], 0)):
            text = _("Category “%(name)s” needs a price.") % {"name": category["name"]}
            raise Invalid(text, attr="prices")


def write_seats(schedule: ConcertSchedule, plan: HallVersion, prices: Prices) -> int:
    """Write the seats of a plan for a date, and return how many: a step of the caller's transaction."""
    params = {"concert": schedule.concert_id, "schedule": schedule.pk, "plan": plan.pk}
    return execute(sql_beside(__file__, "hall_seats.sql"), params | {"prices": json.dumps(dict(prices))})
