"""The programme: what leads it, what is found, and how to go on from there. Anybody may see it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.replica import catalogue_from_replica
from concert_site.lib.formats import short_day
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.networks import caller_of
from concert_site.lib.web.pages import check_rate_limit
from queueing.facts import SaleState
from reservations.models import Genre
from reservations.queries.concerts import LONGEST_SEARCH, Facets, Filters, concert_card, facets, page_of

CONCERTS_A_PAGE = 24
STATES = [
    (SaleState.OPEN, _("On sale")),
    (SaleState.LOBBY, _("Waiting room")),
    (SaleState.UPCOMING, _("Opening soon")),
    (SaleState.SOLD_OUT, _("Sold out")),
    (SaleState.CLOSED, _("Sale closed")),
]


class DayField(forms.DateField):
    """A day that may be left out."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ProgrammeSearch(forms.Form):
    """What a reader may look for; the names are those of the API."""

    search = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=LONGEST_SEARCH,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Artist, concert or venue"), "enterkeyhint": "search"}
        ),
    )
    genre = forms.ChoiceField(label=_("Genre"), required=False)
    venue = forms.ChoiceField(label=_("Venue"), required=False)
    date_from = DayField(label=_("From"), required=False)
    date_to = DayField(label=_("To"), required=False)
    # One day alone: of links from elsewhere, and of the API.
    date = DayField(label=_("Date"), required=False)
    sale_state = forms.ChoiceField(label=_("Sale state"), required=False)

    def __init__(self, data: QueryDict, known: Facets) -> None:
        super().__init__(data)
        self.names = {
            "genre": {genre: str(Genre(genre).label) for genre in known.genres},
            "venue": {str(pk): name for pk, name in known.venues},
            "sale_state": {state.value: str(label) for state, label in STATES},
        }
        for name, names in self.names.items():
            every = _("Any") if name == "sale_state" else _("All")
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label, required=False, choices=[("", every), *names.items()]
            )
        if not data.get("date"):
            del self.fields["date"]

    def clean(self) -> None:
        since, until = self.cleaned_data.get("date_from"), self.cleaned_data.get("date_to")
        if since and until and until < since:
            self.add_error("date_to", ValidationError(_("This day comes before the other one.")))

    @property
    def filters(self) -> Filters:
        """What is looked for; a field that makes no sense says so on the page and filters nothing."""
        self.is_valid()
        given = self.cleaned_data
        words: str = given.get("search") or ""
        state: str = given.get("sale_state") or ""
        return Filters(
            search=" ".join(words.split()),
            on=given.get("date"),
            since=given.get("date_from"),
            until=given.get("date_to"),
            state=SaleState(state) if state else None,
            genre=given.get("genre") or "",
            venue_id=id_in(given.get("venue") or ""),
        )


@dataclass(frozen=True, slots=True)
class Chip:
    """What is looked for, and the address of the same search without it."""

    text: str
    without: str


def programme(request: HttpRequest) -> HttpResponse:
    """The concerts that are open to the public; what opens next leads."""
    # Once, although the page is made twice where the replica fails.
    return programme_page(request, cache(lambda: check_rate_limit("search", caller_of(request))))


@catalogue_from_replica
def programme_page(request: HttpRequest, count_search: Callable[[], None]) -> HttpResponse:
    form = ProgrammeSearch(request.GET, facets())
    filters = form.filters
    is_filtered = filters != Filters()
    if is_filtered:
        # What everybody sees comes from memory; a search of one's own asks PostgreSQL, here as by the API.
        count_search()
    # Whatever is no page is the first.
    page = page_of(filters, number=max(1, id_in(request.GET.get("page", "")) or 1), size=CONCERTS_A_PAGE)
    cards = [concert_card(found) for found in page.concerts]
    # What leads the programme is not told twice.
    lead = cards.pop(0) if cards and page.number == 1 and not is_filtered else None
    facts = {
        "page": page,
        "lead": lead,
        "cards": cards,
        "form": form,
        "genres": [] if filters.genre else genre_chips(form, request.GET),
        "chips": list(chips(form, request.GET)),
        "is_filtered": is_filtered,
        "query": f"{rest}&" if (rest := query_without(request.GET, "page")) else "",
    }
    return render(request, "reservations/concerts.html", facts)


def query_without(query: QueryDict, *names: str) -> str:
    """The same search without these, and without what says nothing."""
    rest = query.copy()
    for name in [name for name, text in query.items() if name in names or not text]:
        rest.pop(name, None)
    return rest.urlencode()


def genre_chips(form: ProgrammeSearch, query: QueryDict) -> list[tuple[str, str]]:
    """Each genre that is on, with the address of the same search within it."""
    rest = query_without(query, "genre", "page")
    before = f"?{rest}&" if rest else "?"
    return [(label, f"{before}genre={genre}") for genre, label in form.names["genre"].items()]


def chips(form: ProgrammeSearch, query: QueryDict) -> Iterator[Chip]:
    for name, value in form.cleaned_data.items():
        if value:
            yield Chip(chip_text(form, name, value), f"?{query_without(query, name, 'page')}")


def chip_text(form: ProgrammeSearch, name: str, value: object) -> str:
    if name in form.names:
        return form.names[name][str(value)]
    if isinstance(value, date):
        when = {"date_from": _("from %(day)s"), "date_to": _("until %(day)s")}.get(name, "%(day)s")
        return str(when) % {"day": short_day(value)}
    return f"“{value}”"
