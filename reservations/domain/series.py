"""Many dates of a concert at once: on which days and times, when each is sold; and made, each with its seats.

Times are planned on the venue's clocks. A date that the concert has already is never made twice, so that a series may
be stopped, sent twice or gone on with: what is left is what isn't there yet.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from concert_site.lib.errors import DomainError, Invalid, require_found
from concert_site.lib.zones import zone_of
from reservations.domain import concerts, halls
from reservations.domain.schedules import (
    Limits,
    ScheduleTimes,
    database_now,
    require_valid_times,
    write_schedule,
    zone_of_concert,
)
from reservations.domain.transactions import lock_row
from reservations.models import Concert, ConcertSchedule, HallVersion

MOST_DATES = 200
LONGEST_RANGE = timedelta(days=2 * 366)
# 2026-12-24 19:30, 2026.12.24(목) 19:30, 2026/12/24 19:30
TYPED = re.compile(
    r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})\.?\s*(?:\([^)]*\))?[\sT,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
)
ISO = "{:04}-{:02}-{:02}T{:02}:{:02}"
CLOCK = re.compile(r"(?P<hour>\d{1,2})[:시](?P<minute>\d{2})?분?")


@dataclass(frozen=True, slots=True)
class Opening:
    """When sales open: at one moment for all, or so many days before each date, at an hour of the venue's clocks."""

    at: datetime | None = None
    days_before: int = 0
    hour: time = time(0)

    def of(self, start: datetime, zone: ZoneInfo) -> datetime:
        """The opening for a date that starts at a moment on the venue's clocks."""
        if self.at is not None:
            return self.at
        return datetime.combine(start.date() - timedelta(days=self.days_before), self.hour, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Series:
    """What every date of a series has in common. `starts` are times of the venue's clocks, without a zone."""

    starts: Sequence[datetime]
    opening: Opening
    # How many minutes before it starts a date's sale closes.
    closes_before: int = 0


@dataclass(frozen=True, slots=True)
class PlannedDate:
    """A date of a series before it is made. `fault` says why it won't be, `notes` what to know about it."""

    times: ScheduleTimes
    fault: str = ""
    notes: list[str] = field(default_factory=list)


# --- Days and times --------------------------------------------------------------------------------


def clocks_from(text: str) -> list[time]:
    """The times of day in a text: 15:00, 19:30.

    :raises Invalid: at `times`, naming what is no time
    """
    found = []
    for word in re.split(r"[,;/\s]+", text.strip()):
        match = CLOCK.fullmatch(word)
        try:
            found.append(time(int(match["hour"]), int(match["minute"] or 0)) if match else None)
        except ValueError:
            found.append(None)
        if found[-1] is None:
            raise Invalid(_("“%(word)s” is no time. Write 19:30.") % {"word": word[:20]}, attr="times")
    return sorted({each for each in found if each})


def weekly_starts(weekdays: Sequence[int], clocks: Sequence[time], first: date, last: date) -> list[datetime]:
    """Each of these weekdays (0 is Monday) from the first day to the last, at each of these times.

    :raises Invalid: if the days are in the wrong order, or too far apart
    """
    if last < first:
        raise Invalid(_("The last day is before the first."), attr="last_day")
    if last - first > LONGEST_RANGE:
        raise Invalid(_("A series lasts at most two years."), attr="last_day")
    days = (first + timedelta(days=nth) for nth in range((last - first).days + 1))
    return [datetime.combine(day, clock) for day in days if day.weekday() in weekdays for clock in clocks]


def typed_starts(text: str) -> list[datetime]:
    """Days and times that were typed, one a line.

    :raises Invalid: at `typed`, naming the line that can't be read
    """
    starts = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = TYPED.fullmatch(line.strip())
        try:
            start = match and datetime.fromisoformat(ISO.format(*map(int, match.groups())))
        except ValueError:
            start = None
        if start is None:
            told = {"number": number, "line": line.strip()[:40]}
            raise Invalid(
                _("Line %(number)d, “%(line)s”, is no day and time. Write 2026-12-24 19:30.") % told, attr="typed"
            )
        starts.append(start)
    return starts


# --- What would be made ----------------------------------------------------------------------------


def planned(series: Series, *, concert_id: int, zone: str | None, now: datetime | None = None) -> list[PlannedDate]:
    """The dates of a series in their order, each with what speaks against it.

    :raises Invalid: at `starts`, if there is none, or there are too many
    """
    starts = sorted(set(series.starts))
    if not starts:
        raise Invalid(_("No day of the range is one of the weekdays."), attr="starts")
    if len(starts) > MOST_DATES:
        told = {"count": len(starts), "most": MOST_DATES}
        raise Invalid(_("These are %(count)d dates; at most %(most)d are made at once.") % told, attr="starts")
    there = set(ConcertSchedule.objects.filter(concert=concert_id).values_list("concert_at", flat=True))
    times = Counter(series.starts)
    moment = now or database_now()
    return [planned_date(series, start, zone_of(zone), there, times[start] > 1, moment) for start in starts]


def planned_date(  # noqa: PLR0917  all of it is needed, once
    series: Series, start: datetime, zone: ZoneInfo, there: set[datetime], is_repeated: bool, now: datetime
) -> PlannedDate:
    at = start.replace(tzinfo=zone)
    opens_at = series.opening.of(at, zone)
    # On the clocks of the zone subtracting would skip an hour or count one twice.
    times = ScheduleTimes(opens_at, (at.astimezone(UTC) - timedelta(minutes=series.closes_before)).astimezone(zone), at)
    fault = fault_of(times, now, is_there=at in there)
    return PlannedDate(times, fault, list(notes_of(times, now, is_repeated=is_repeated)))


def fault_of(times: ScheduleTimes, now: datetime, *, is_there: bool) -> str:
    """Why a date can't be made; blank if it can."""
    if is_there:
        return _("The concert has this date already.")
    if does_not_exist(times.concert_at):
        return _("There is no such time on this day: the clocks go forward.")
    if times.concert_at <= now:
        return _("It is over.")
    try:
        require_valid_times(times)
    except DomainError as refusal:
        return str(refusal.detail)
    return ""


def notes_of(times: ScheduleTimes, now: datetime, *, is_repeated: bool) -> Iterator[str]:
    """What staff should know of a date before it is made."""
    if is_repeated:
        yield _("It was given twice and is made once.")
    if comes_twice(times.concert_at):
        yield _("This time comes twice on this day: the clocks go back. It is the first.")
    if does_not_exist(times.opens_at):
        yield _("There is no such opening time on its day: the clocks go forward. It opens an hour later.")
    if times.opens_at <= now:
        yield _("Its sale is open at once.")


def does_not_exist(moment: datetime) -> bool:
    """Whether the clocks skip a local time."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None)


def comes_twice(moment: datetime) -> bool:
    """Whether the clocks show a local time twice."""
    return not does_not_exist(moment) and moment.utcoffset() != moment.replace(fold=1).utcoffset()


# --- Making them -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeatsOfSeries:
    """The plan that the dates get their seats of, and its prices by category in minor units."""

    plan: HallVersion
    prices: halls.Prices


@dataclass(frozen=True, slots=True)
class SeriesRound:
    """What one round has made; `left` is how many dates are still to be made."""

    made: list[ConcertSchedule]
    left: int


def make_round(
    series: Series,
    *,
    concert_id: int,
    seats: SeatsOfSeries | None,
    limits: Limits,
    seconds: float,
    now: datetime | None = None,
) -> SeriesRound:
    """Make the dates of a series that aren't there yet, one after the other, until the time is over.

    Each is a transaction: a date with all its seats, or none. A concert without a venue gets the hall's.

    :raises NotFound: if there is no such concert
    :raises Invalid: if a category has no price, or there is no date
    :raises Conflict: if the hall is of another venue than the concert
    """
    if seats is not None:
        halls.require_prices(seats.plan, seats.prices)
        take_venue(concert_id, seats.plan)
    zone = zone_of_concert(concert_id)
    to_make = [each for each in planned(series, concert_id=concert_id, zone=zone, now=now) if not each.fault]
    made: list[ConcertSchedule] = []
    until = monotonic() + seconds
    for nth, each in enumerate(to_make):
        if nth and monotonic() > until:
            return SeriesRound(made, len(to_make) - nth)
        if date_made := make_date(concert_id, each.times, seats, limits):
            made.append(date_made)
    return SeriesRound(made, 0)


def take_venue(concert_id: int, plan: HallVersion) -> None:
    """Have a concert without a venue played where the hall is.

    :raises NotFound: if there is no such concert
    :raises Invalid: if the concert is played elsewhere
    """
    concert = require_found(Concert.objects.filter(pk=concert_id).first())
    if concert.venue_id is None:
        concerts.change_concert(concert_id=concert_id, venue=plan.hall.venue)
    elif concert.venue_id != plan.hall.venue_id:
        raise Invalid(_("This hall is of another venue than the concert."), attr="plan")


@transaction.atomic(durable=True)
def make_date(
    concert_id: int, times: ScheduleTimes, seats: SeatsOfSeries | None, limits: Limits
) -> ConcertSchedule | None:
    """Make a date with its seats; None if the concert has it already.

    :raises NotFound: if there is no such concert
    """
    # Whoever sends the same series a second time waits here, and then finds the date.
    concert = lock_row(Concert.objects.select_related("venue"), concert_id)
    if ConcertSchedule.objects.filter(concert=concert_id, concert_at=times.concert_at).exists():
        return None
    schedule = write_schedule(concert_id, concert.time_zone, times, **limits)
    schedule.concert = concert
    if seats is not None:
        ConcertSchedule.objects.filter(pk=schedule.pk).update(layout=seats.plan.layout, hall_version=seats.plan)
        halls.write_seats(schedule, seats.plan, seats.prices)
    return schedule
