"""What search engines read of a concert: schema.org's events as JSON-LD."""

import json
from datetime import timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from concert_site.lib.formats import in_major, local
from queueing.facts import SaleState
from reservations.models import Genre
from reservations.queries.concerts import PublicConcert, PublicVenue
from reservations.queries.sales import PublicSchedule

SCHEMA = "https://schema.org"
# Search engines show a handful; of a long tour the page would be mostly this.
MOST_EVENTS = 12
TYPES = {
    Genre.MUSICAL: "TheaterEvent",
    Genre.DANCE: "DanceEvent",
    Genre.FESTIVAL: "Festival",
    Genre.FAMILY: "ChildrensEvent",
    Genre.TALK: "Event",
    Genre.OTHER: "Event",
}
AVAILABILITY = {
    SaleState.UPCOMING: "PreOrder",
    SaleState.LOBBY: "PreOrder",
    SaleState.OPEN: "InStock",
    SaleState.SOLD_OUT: "SoldOut",
    SaleState.CLOSED: "OutOfStock",
}
# The ends of a script's element, and of what JavaScript takes for lines, wherever they stand in a text.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def structured_data(concert: PublicConcert, address: str) -> SafeString:
    """The coming dates of a concert as the content of a script of JSON-LD; `address` is that of its page."""
    ahead = [schedule for schedule in concert.schedules if not schedule.is_over][:MOST_EVENTS]
    graph = {"@context": SCHEMA, "@graph": [event(concert, schedule, address) for schedule in ahead]}
    # No text in it can end the script: what could is written as JSON's own escapes.
    return mark_safe(json.dumps(graph, ensure_ascii=False).translate(ESCAPES))  # noqa: S308


def event(concert: PublicConcert, schedule: PublicSchedule, address: str) -> dict[str, object]:
    begins = local(schedule.concert_at, schedule.time_zone)
    minutes = concert.running_minutes
    announced = schedule.first_concert_at and local(schedule.first_concert_at, schedule.time_zone)
    facts = {
        "@type": TYPES.get(Genre(concert.genre), "MusicEvent") if concert.genre else "MusicEvent",
        "@id": f"{address}#date-{schedule.id}",
        "name": concert.name,
        "url": f"{address}#date-{schedule.id}",
        "startDate": begins.isoformat(timespec="minutes"),
        "endDate": (begins + timedelta(minutes=minutes)).isoformat(timespec="minutes") if minutes else None,
        "duration": f"PT{minutes}M" if minutes else None,
        "eventStatus": f"{SCHEMA}/{status_of(schedule)}",
        "previousStartDate": announced.isoformat(timespec="minutes") if announced else None,
        "eventAttendanceMode": f"{SCHEMA}/OfflineEventAttendanceMode",
        "location": location(concert.venue) if concert.venue else None,
        "image": [urljoin(address, concert.poster)] if concert.poster else None,
        "description": concert.description,
        "organizer": {"@type": "Organization", "name": concert.host} if concert.host else None,
        "performer": [{"@type": "PerformingGroup", "name": name} for name in concert.performers],
        "typicalAgeRange": f"{concert.age_rating}-" if concert.age_rating is not None else None,
        "offers": offers(schedule, f"{address}#date-{schedule.id}") if schedule.prices else None,
    }
    return {name: value for name, value in facts.items() if value}


def status_of(schedule: PublicSchedule) -> str:
    """What has become of a date, in schema.org's words."""
    if schedule.canceled_at:
        return "EventCancelled"
    return "EventRescheduled" if schedule.first_concert_at else "EventScheduled"


def location(venue: PublicVenue) -> dict[str, object]:
    """Where it is; a place without an address is told by its name."""
    place = {"@type": "Place", "name": venue.name, "address": venue.address or venue.name, "hasMap": venue.map_url}
    return {name: value for name, value in place.items() if value}


def offers(schedule: PublicSchedule, address: str) -> dict[str, object]:
    """What tickets cost, and whether there are any."""
    prices = [price.seat_price for price in schedule.prices]
    return {
        "@type": "AggregateOffer",
        "url": address,
        "lowPrice": str(in_major(min(prices))),
        "highPrice": str(in_major(max(prices))),
        "priceCurrency": settings.CURRENCY,
        "availability": f"{SCHEMA}/{AVAILABILITY[schedule.sale_state]}",
        "validFrom": schedule.reservation_available_at.isoformat(timespec="seconds"),
        "validThrough": schedule.deadline_at.isoformat(timespec="seconds"),
    }
