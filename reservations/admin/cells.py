"""How staff see a state, a count, a place: the columns that several lists share."""

from collections.abc import Mapping

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from concert_site.lib.formats import clock, short_day, thousands
from reservations.models import ConcertSchedule
from reservations.queries.staff import ScheduleState, SeatCounts

# unfold's colours of labels.
COLORS: Mapping[str, str] = {
    ScheduleState.UNPUBLISHED.value: "warning",
    ScheduleState.UPCOMING.value: "info",
    ScheduleState.LOBBY.value: "warning",
    ScheduleState.OPEN.value: "success",
    ScheduleState.SOLD_OUT.value: "danger",
    ScheduleState.CANCELED.value: "danger",
}


def seats(counts: SeatCounts) -> str:
    """What has become of the seats, in one line."""
    if not counts.total:
        return _("no seats yet")
    return _("%(sold)s sold, %(held)s held, %(left)s left") % {
        "sold": thousands(counts.sold),
        "held": thousands(counts.held),
        "left": thousands(counts.left),
    }


def date_and_time(schedule: ConcertSchedule) -> SafeString:
    """Date and time of a concert at the venue, the time in a second line."""
    zone = schedule.concert.time_zone
    return format_html("{}<br>{}", short_day(schedule.concert_at, zone), clock(schedule.concert_at, zone))
