"""The time zones in which times are said: a venue's, else the house's."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

# Abbreviations that mean one thing in America, and another one elsewhere: Shanghai's CST is no Chicago time.
AMERICAN = frozenset({"AST", "CST", "CDT", "EST", "EDT", "MST", "MDT", "PST", "PDT"})
# And those that mean several things wherever they are said.
AMBIGUOUS = frozenset({"IST", "BST"})


def zone_of(name: str | None) -> ZoneInfo:
    """The zone in which a concert is said: its venue's (a name of the IANA's list), else the house's own."""
    return ZoneInfo(name or settings.TIME_ZONE)


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """When a day begins and ends on the clocks of the house."""
    return datetime.combine(day, time(), zone_of(None)), datetime.combine(
        day + timedelta(days=1), time(), zone_of(None)
    )


def day_at(moment: datetime, name: str | None) -> date:
    """The day that an instant has at a venue, by the same rule as `day_at` of reservations/predicates.sql."""
    return moment.astimezone(zone_of(name)).date()


def zone_label(local: datetime) -> str:
    """What people call the zone of a local time: KST, EDT, or where no letters are sure to be understood GMT+5:30."""
    name = local.tzname() or ""
    is_american = getattr(local.tzinfo, "key", "").startswith(("America/", "US/", "Canada/", "Pacific/Honolulu"))
    if name.isalpha() and name not in AMBIGUOUS and (is_american or name not in AMERICAN):
        return name
    return offset_label(local)


def offset_label(local: datetime) -> str:
    """How far a local time is from Greenwich: GMT+9, GMT-3:30."""
    offset = local.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"GMT{sign}{hours}" + (f":{rest:02}" if rest else "")
