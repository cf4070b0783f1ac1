"""A booking for the fan's own calendar."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.lib.web.pages import fan_id, private_page
from concert_site.lib.zones import zone_of
from reservations.halls.seat_names import seat_name
from reservations.models import Concert
from reservations.queries import booking_summaries
from reservations.queries.booking_summaries import BookingSummary
from reservations.tickets.calendar import CalendarEntry, calendar_file


@private_page
def calendar(request: HttpRequest, reference: str) -> HttpResponse:
    """The file that adds the booking to a calendar; once nothing of it is paid any more, the one that takes it out."""
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    response = HttpResponse(
        calendar_file(calendar_entry(request, booking)), content_type="text/calendar; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{booking.reference}.ics"'
    return response


def calendar_entry(request: HttpRequest, booking: BookingSummary) -> CalendarEntry:
    first, schedule = booking.first, booking.schedule
    concert = first.concert
    host = urlsplit(settings.SITE_URL).hostname
    now = first.read_at
    return CalendarEntry(
        # One booking is of one schedule; naming both, no other site's reference can be the same.
        uid=f"{booking.reference}-{first.concert_schedule_id}@{host}",
        # What changes a booking or moves its date leaves no number: whatever is asked for later counts.
        sequence=int((now - first.created_at).total_seconds()),
        name=concert.name,
        starts_at=schedule.concert_at,
        running_minutes=concert.running_minutes,
        zone=zone_of(concert.time_zone),
        location=location_of(concert),
        description=description_of(request, booking),
        url=request.build_absolute_uri(reverse("booking", args=[booking.reference])),
        is_canceled=not booking.paid or booking.is_date_canceled,
        changed_at=now,
    )


def location_of(concert: Concert) -> str:
    venue = concert.venue
    return ", ".join(filter(None, [venue.name, venue.address])) if venue else ""


def description_of(request: HttpRequest, booking: BookingSummary) -> str:
    if booking.is_date_canceled:
        return " ".join(filter(None, [_("This date was canceled."), booking.schedule.change_reason]))
    if not booking.paid:
        return _("This booking was canceled.")
    tickets = request.build_absolute_uri(reverse("tickets", args=[booking.reference]))
    lines = [seat_name(each.seat) for each in booking.paid]
    return "\n".join([*lines, _("Tickets: %(address)s") % {"address": tickets}])
