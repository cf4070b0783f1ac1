"""The dates of a long tour, a month at a time: 60 cards under one another are read by nobody."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter

from babel.dates import format_date

from concert_site.lib.formats import babel_locale
from queueing.facts import SaleState
from reservations.queries.concerts import BEST_FIRST
from reservations.queries.fan_schedules import FanSchedule
from reservations.queries.sales import PublicSchedule

# Up to so many dates a card each is the shorter way.
MOST_CARDS = 6
# Weeks begin on Sunday, as they do on the calendars of ticket sites in both our languages.
SUNDAY = 6
Month = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TourDay:
    """A day on which the concert is played, once or more often; `state` is the best of them."""

    on: date
    schedules: Sequence[PublicSchedule]
    state: SaleState
    is_over: bool
    is_chosen: bool
    is_own: bool
    is_canceled: bool = False


@dataclass(frozen=True, slots=True)
class MonthLink:
    """A month with dates: the day that it opens with, and how many dates it has."""

    name: str
    first: date
    count: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class TourCalendar:
    """One month as a grid of weeks; a field is a day that is played, the number of one that isn't, or None."""

    name: str
    weekdays: list[tuple[str, str]]
    weeks: list[list[TourDay | int | None]]
    months: list[MonthLink]


def chosen_day(schedules: Sequence[PublicSchedule], wanted: date | None) -> date | None:
    """The day to show: the one that was asked for if it is played, else the first with the best to be had."""
    if wanted in {schedule.concert_date for schedule in schedules}:
        return wanted
    ahead = [schedule for schedule in schedules if not schedule.is_over] or schedules[-1:]
    best = min(ahead, key=lambda each: (BEST_FIRST.index(each.sale_state), each.concert_at), default=None)
    return best.concert_date if best else None


def tour_calendar(schedules: Sequence[PublicSchedule], fans: Mapping[int, FanSchedule], chosen: date) -> TourCalendar:
    date_of = attrgetter("concert_date")
    by_day = {on: list(each) for on, each in groupby(sorted(schedules, key=date_of), key=date_of)}
    days = {on: day_of(on, each, fans, is_chosen=on == chosen) for on, each in by_day.items()}
    return TourCalendar(
        name=month_name(chosen),
        weekdays=weekdays(),
        weeks=weeks_of((chosen.year, chosen.month), days),
        months=list(month_links(days, chosen)),
    )


def day_of(on: date, schedules: list[PublicSchedule], fans: Mapping[int, FanSchedule], *, is_chosen: bool) -> TourDay:
    ahead = [schedule for schedule in schedules if not schedule.is_over]
    own = [fans[schedule.id] for schedule in schedules if schedule.id in fans]
    return TourDay(
        on=on,
        schedules=schedules,
        state=min((schedule.sale_state for schedule in ahead or schedules), key=BEST_FIRST.index),
        is_over=not ahead,
        is_chosen=is_chosen,
        is_own=any(each.held or each.tickets for each in own),
        is_canceled=all(schedule.canceled_at is not None for schedule in schedules),
    )


def weeks_of(month: Month, days: Mapping[date, TourDay]) -> list[list[TourDay | int | None]]:
    """The weeks of a month, from Sunday to Saturday."""
    fields = Calendar(SUNDAY).monthdatescalendar(*month)
    return [[days.get(on, on.day) if on.month == month[1] else None for on in week] for week in fields]


def weekdays() -> list[tuple[str, str]]:
    """The days of a week, as short as they are written and whole, in the order of the grid."""
    names = babel_locale().days["stand-alone"]
    order = [(SUNDAY + number) % 7 for number in range(7)]
    return [(str(names["short"][day]), str(names["wide"][day])) for day in order]


def month_links(days: Mapping[date, TourDay], chosen: date) -> list[MonthLink]:
    """Every month that has dates; each opens with the first day that is still to be had."""
    links = []
    for month, each in groupby(sorted(days.values(), key=lambda day: day.on), key=lambda day: day.on.replace(day=1)):
        of_month = list(each)
        first = min(of_month, key=lambda day: (day.is_over, BEST_FIRST.index(day.state), day.on))
        count = sum(len(day.schedules) for day in of_month)
        links.append(MonthLink(month_name(month), first.on, count, is_shown=month == chosen.replace(day=1)))
    return links


def month_name(on: date) -> str:
    """A month as people write it: 2026년 12월, December 2026."""
    pattern = babel_locale().datetime_skeletons["yMMMM"].pattern
    return str(format_date(on, pattern, locale=babel_locale()))
