"""The page of a concert, which anybody may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date

from concert_site.lib.database.replica import catalogue_from_replica
from concert_site.lib.errors import require_found
from concert_site.lib.web.pages import fan_id
from reservations.halls.drawing import colours
from reservations.queries.concerts import concert_card, public_concert
from reservations.queries.fan_schedules import FanSchedule, fan_schedules
from reservations.queries.sales import Price, PublicSchedule
from reservations.queries.seat_map import layout_categories
from reservations.views.structured_data import structured_data
from reservations.views.tour_calendar import MOST_CARDS, TourCalendar, chosen_day, tour_calendar

# Beside a date that has nothing to give, one of them may be that date itself.
OTHERS_NAMED = 4


@dataclass(frozen=True, slots=True)
class ScheduleCard:
    """One date of a concert as this reader sees it; `own` is None for who has no part in it."""

    schedule: PublicSchedule
    own: FanSchedule | None
    colours: Mapping[str, str]

    @property
    def prices(self) -> list[tuple[Price, str | None]]:
        """What each category costs, with its colour on the map."""
        return [(price, self.colours.get(price.category)) for price in self.schedule.prices]

    @property
    def opens_in(self) -> int:
        return self.schedule.seconds_until(self.schedule.reservation_available_at)

    @property
    def has_lobby(self) -> bool:
        return self.schedule.lobby_at < self.schedule.reservation_available_at

    @property
    def lobby_opens_in(self) -> int:
        return self.schedule.seconds_until(self.schedule.lobby_at)

    @property
    def has_all(self) -> bool:
        return self.own is not None and self.own.held + self.own.tickets >= self.schedule.tickets_per_fan


@catalogue_from_replica
def concert(request: HttpRequest, pk: int) -> HttpResponse:
    """One concert with its dates, and what the fan has of each; of a long tour one day, and a calendar."""
    found = require_found(public_concert(pk))
    fans = fans_part(request, found.schedules)
    shown, calendar = dates_to_show(found.schedules, fans, wanted=parse_day(request.GET.get("date", "")))
    facts = {
        "concert": found,
        "card": concert_card(found),
        "schedules": schedule_cards(shown, fans),
        "to_be_had": found.dates_to_be_had[:OTHERS_NAMED],
        "calendar": calendar,
        "address": request.build_absolute_uri(request.path),
        "structured_data": structured_data(found, request.build_absolute_uri(request.path)),
        "poster_address": request.build_absolute_uri(found.poster) if found.poster else None,
    }
    return render(request, "reservations/concert.html", facts)


def parse_day(text: str) -> date | None:
    """A day as addresses have it; None for whatever is none."""
    try:
        return parse_date(text)
    except ValueError:
        return None


def fans_part(request: HttpRequest, schedules: Sequence[PublicSchedule]) -> Mapping[int, FanSchedule]:
    ids = [schedule.id for schedule in schedules]
    return fan_schedules(user_id=fan_id(request), schedule_ids=ids) if ids and request.user.is_authenticated else {}


def dates_to_show(
    schedules: Sequence[PublicSchedule], fans: Mapping[int, FanSchedule], *, wanted: date | None
) -> tuple[Sequence[PublicSchedule], TourCalendar | None]:
    """All dates where they are few; else those of one day, and the calendar that it was chosen in."""
    day = chosen_day(schedules, wanted)
    if len(schedules) <= MOST_CARDS or day is None:
        return schedules, None
    of_day = [schedule for schedule in schedules if schedule.concert_date == day]
    return of_day, tour_calendar(schedules, fans, day)


def schedule_cards(schedules: Sequence[PublicSchedule], fans: Mapping[int, FanSchedule]) -> list[ScheduleCard]:
    """The dates of a concert, those that are over last."""
    layouts = layout_categories({schedule.id: schedule.layout_name for schedule in schedules})
    cards = [
        ScheduleCard(schedule, fans.get(schedule.id), colours(layouts.get(schedule.id, {}))) for schedule in schedules
    ]
    return sorted(cards, key=lambda card: card.schedule.is_over)
