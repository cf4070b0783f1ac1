"""A booking as an entry in the fan's own calendar: a file by RFC 5545, and the address that adds it to Google's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

PRODUCT = "-//Frontrow//Bookings//EN"
GOOGLE = "https://calendar.google.com/calendar/render"
# Where nobody said how long it takes, a calendar should still keep the evening free.
USUAL_MINUTES = 120
# When the fan is reminded: the day before, and in time to set out.
REMINDERS = (timedelta(days=1), timedelta(hours=3))


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """What of a booking goes into a calendar. `zone` is the venue's.

    `uid` stays the same whatever happens to the booking, so that a later file changes the entry instead of adding one;
    it does so if `sequence` is higher. Both instants know their zone.
    """

    uid: str
    sequence: int
    name: str
    starts_at: datetime
    running_minutes: int | None
    zone: ZoneInfo
    location: str
    description: str
    url: str
    is_canceled: bool
    changed_at: datetime

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.running_minutes or USUAL_MINUTES)


def calendar_file(entry: CalendarEntry) -> bytes:
    """The file; of a canceled booking one that takes the entry out again."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if entry.is_canceled else "PUBLISH")
    calendar.add_component(event_of(entry))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def event_of(entry: CalendarEntry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("summary", entry.name)
    event.add("dtstart", entry.starts_at.astimezone(entry.zone))
    event.add("dtend", entry.ends_at.astimezone(entry.zone))
    event.add("status", "CANCELLED" if entry.is_canceled else "CONFIRMED")
    event.add("description", entry.description)
    event.add("url", entry.url)
    if entry.location:
        event.add("location", entry.location)
    for ahead in () if entry.is_canceled else REMINDERS:
        event.add_component(reminder(entry, ahead))
    return event


def reminder(entry: CalendarEntry, ahead: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", -ahead)
    alarm.add("description", _("%(concert)s begins soon") % {"concert": entry.name})
    return alarm


def google_url(entry: CalendarEntry) -> str:
    """Where the same is added to Google's calendar: nothing is told to it before the fan goes there."""
    form = "%Y%m%dT%H%M%SZ"
    times = [each.astimezone(UTC).strftime(form) for each in (entry.starts_at, entry.ends_at)]
    query = {
        "action": "TEMPLATE",
        "text": entry.name,
        "dates": "/".join(times),
        "ctz": str(entry.zone),
        "location": entry.location,
        "details": entry.description,
    }
    return f"{GOOGLE}?{urlencode({name: value for name, value in query.items() if value})}"
