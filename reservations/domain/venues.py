"""Venues, as staff set them up and change them, and what a clock that changes does to dates."""

from collections.abc import Sequence
from functools import cache
from re import fullmatch
from typing import TypedDict, Unpack
from zoneinfo import available_timezones

from django.conf import settings
from django.db import DataError, transaction
from django.db.models import DateField, F, Func, Value
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid
from concert_site.lib.stale import Shown, require_unchanged
from concert_site.lib.zones import zone_of
from reservations.domain import waiting_room
from reservations.domain.transactions import lock_row, raise_on_integrity_error
from reservations.models import Concert, ConcertSchedule, Reservation, Venue
from reservations.models.reservation import IS_LIVE
from reservations.models.venue import ZONE_SHAPE


class VenueColumns(TypedDict, total=False):
    """What is known of a venue."""

    name: str
    address: str
    map_url: str
    time_zone: str


@cache
def zone_names() -> list[str]:
    return sorted(name for name in available_timezones() if fullmatch(ZONE_SHAPE, name))


def require_zone(name: str) -> None:
    """
    :raises Invalid: if no zone has this name
    """
    if name not in zone_names():
        raise Invalid(_("Choose a time zone by its name in the IANA's list, such as Asia/Seoul."), attr="time_zone")


def add_venue(**columns: Unpack[VenueColumns]) -> Venue:
    """Add a venue; without a zone it has the house's.

    :raises Invalid: if there is no such zone
    """
    require_zone(columns.get("time_zone", settings.TIME_ZONE))
    try:
        return Venue.objects.create(**columns)
    except DataError as error:
        raise unknown_to_database(columns) from error


def change_venue(*, venue_id: int, shown: Shown | None = None, **columns: Unpack[VenueColumns]) -> None:
    """Change what is known of a venue, and nothing that isn't named. Its dates keep their instants.

    :param shown: the columns that the change is based on
    :raises ChangedMeanwhile: if one of them is something else by now
    :raises NotFound: if there is no such venue
    :raises Invalid: if there is no such zone
    :raises Conflict: if its zone would change under those who have booked
    """
    if "time_zone" in columns:
        require_zone(columns["time_zone"])
    try:
        waiting_room.publish(write_venue(venue_id, columns, shown))
    except DataError as error:
        raise unknown_to_database(columns) from error


@transaction.atomic(durable=True)
def write_venue(venue_id: int, columns: VenueColumns, shown: Shown | None = None) -> list[int]:
    """Write the columns, and the days of its dates where the zone is another one; return the dates that moved."""
    # Two changes of its zone must not each see the other's dates as they were.
    venue = lock_row(Venue.objects.all(), venue_id)
    require_unchanged(venue, shown)
    # Also without a column: an UPDATE of nothing is none.
    if columns:
        Venue.objects.filter(pk=venue_id).update(**columns)
    if columns.get("time_zone", venue.time_zone) == venue.time_zone:
        return []
    return rewrite_days(list(Concert.objects.filter(venue=venue_id)), columns["time_zone"], attr="time_zone")


def delete_venue(*, venue_id: int) -> None:
    """Delete a venue that no concert points at.

    :raises Conflict: if one does
    """
    with raise_on_integrity_error(Conflict(_("Concerts are played here, so the venue stays."))):
        Venue.objects.filter(pk=venue_id).delete()


def write_venue_of_concert(concert: Concert, venue: Venue | None) -> list[int]:
    """Have a concert played elsewhere: a step of `change_concert`, which has locked it; the dates whose clocks changed.

    :raises Conflict: if the zone would change under those who have booked
    """
    before, after = zone_of(concert.time_zone), zone_of(venue.time_zone if venue else None)
    Concert.objects.filter(pk=concert.pk).update(venue=venue)
    return [] if before == after else rewrite_days([concert], after.key, attr="venue")


def rewrite_days(concerts: Sequence[Concert], zone: str, *, attr: str) -> list[int]:
    """Write the days of these concerts' dates by another clock: a step of the caller's transaction.

    :raises Conflict: at `attr`, if anybody has booked one, since the time on a ticket is a promise
    """
    dates = ConcertSchedule.objects.filter(concert__in=concerts)
    zones = Value(zone), Value(settings.TIME_ZONE)
    dates.update(concert_date=Func(*zones, F("concert_at"), function="day_at", output_field=DateField()))
    # Asked last, so that whoever booked until this moment is seen.
    if Reservation.objects.filter(IS_LIVE, concert_seat__concert_schedule__concert__in=concerts).exists():
        raise Conflict(
            _("Seats are booked here by the clocks of the present time zone. Add another venue with the right one."),
            attr=attr,
        )
    return list(dates.values_list("pk", flat=True))


def unknown_to_database(columns: VenueColumns) -> Invalid:
    """The refusal of a zone that this machine knows, and the database doesn't."""
    text = _("The database does not know the time zone %(name)s.") % {"name": columns.get("time_zone", "")}
    return Invalid(text, attr="time_zone")
