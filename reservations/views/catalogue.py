"""Pages that anybody may see: what is on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import NotFound
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import caller_of, check_rate_limit, fan_id
from queueing.facts import SaleState
from reservations.halls.drawing import colours
from reservations.queries.concerts import (
    Filters,
    PublicConcert,
    concert_card,
    is_over,
    page_of,
    public_concert,
    to_be_had,
)
from reservations.queries.fan_schedules import FanSchedule, fan_schedules
from reservations.queries.sales import Price, PublicSchedule
from reservations.queries.seat_map import layout_categories

CONCERTS_A_PAGE = 24
# Beside a date that has nothing to give, one of them may be that date itself.
OTHERS_NAMED = 4
LONGEST_SEARCH = 100


class CatalogueSearch(forms.Form):
    """What a reader may look for; the names are those of the API."""

    search = forms.CharField(label=_("Search"), required=False, max_length=LONGEST_SEARCH)
    date = forms.DateField(
        label=_("Date"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    sale_state = forms.ChoiceField(
        label=_("Tickets"),
        required=False,
        choices=[
            ("", _("Any")),
            (SaleState.OPEN, _("On sale")),
            (SaleState.LOBBY, _("Waiting room")),
            (SaleState.UPCOMING, _("Opening soon")),
            (SaleState.SOLD_OUT, _("Sold out")),
            (SaleState.CLOSED, _("Sale closed")),
        ],
    )


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
    def is_over(self) -> bool:
        return is_over(self.schedule)

    @property
    def opens_in(self) -> int:
        """Seconds until the sale opens, at least one."""
        return self.seconds_until(self.schedule.reservation_available_at)

    @property
    def has_lobby(self) -> bool:
        """Whether fans may gather before the opening."""
        return self.schedule.lobby_at < self.schedule.reservation_available_at

    @property
    def lobby_opens_in(self) -> int:
        """Seconds until they may, at least one."""
        return self.seconds_until(self.schedule.lobby_at)

    def seconds_until(self, moment: datetime) -> int:
        """Whole seconds, at least one: a countdown from nothing would ask for the page over and over."""
        return max(1, round((moment - self.schedule.read_at).total_seconds()))

    @property
    def has_all(self) -> bool:
        """Whether the fan has as many seats as one may have."""
        return self.own is not None and self.own.held + self.own.tickets >= self.schedule.tickets_per_fan


def concerts(request: HttpRequest) -> HttpResponse:
    """The concerts that are open to the public, those that play next first."""
    form = CatalogueSearch(request.GET)
    filters = filters_of(form)
    if filters != Filters():
        # What everybody sees comes from memory; a search of one's own asks PostgreSQL, here as by the API.
        check_rate_limit("search", caller_of(request))
    # Whatever is no page is the first.
    page = page_of(filters, number=max(1, id_in(request.GET.get("page", "")) or 1), size=CONCERTS_A_PAGE)
    cards = [concert_card(found) for found in page.concerts]
    # What leads the programme is not told twice.
    lead = cards.pop(0) if cards and page.number == 1 and filters == Filters() else None
    facts = {
        "page": page,
        "lead": lead,
        "cards": cards,
        "form": form,
        "is_filtered": filters != Filters(),
        "query": without_page(request.GET),
    }
    return render(request, "reservations/concerts.html", facts)


def filters_of(form: CatalogueSearch) -> Filters:
    """What is looked for; a field that makes no sense says so on the page and filters nothing."""
    form.is_valid()
    words: str = form.cleaned_data.get("search") or ""
    on: date | None = form.cleaned_data.get("date")
    state: str = form.cleaned_data.get("sale_state") or ""
    return Filters(search=" ".join(words.split()), on=on, state=SaleState(state) if state else None)


def without_page(query: QueryDict) -> str:
    """What leads to the other pages of the same search."""
    rest = query.copy()
    rest.pop("page", None)
    return f"{rest.urlencode()}&" if rest else ""


def concert(request: HttpRequest, pk: int) -> HttpResponse:
    """One concert with its dates, and what the fan has of each."""
    found = public_concert(pk)
    if found is None:
        raise NotFound
    facts = {
        "concert": found,
        "card": concert_card(found),
        "schedules": schedule_cards(request, found),
        "to_be_had": to_be_had(found.schedules)[:OTHERS_NAMED],
        "address": request.build_absolute_uri(request.path),
        "poster_address": request.build_absolute_uri(found.poster) if found.poster else None,
    }
    return render(request, "reservations/concert.html", facts)


def schedule_cards(request: HttpRequest, found: PublicConcert) -> list[ScheduleCard]:
    """The dates of a concert, those that are over last."""
    ids = [schedule.id for schedule in found.schedules]
    fans = fan_schedules(user_id=fan_id(request), schedule_ids=ids) if ids and request.user.is_authenticated else {}
    layouts = layout_categories({schedule.id: schedule.layout_name for schedule in found.schedules})
    cards = [
        ScheduleCard(schedule, fans.get(schedule.id), colours(layouts.get(schedule.id, {})))
        for schedule in found.schedules
    ]
    return sorted(cards, key=lambda card: card.is_over)
