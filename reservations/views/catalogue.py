"""Pages that anybody may see: what is on."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from concert_site.lib.errors import NotFound
from reservations.queries import catalogue

CONCERTS_A_PAGE = 24


def concerts(request: HttpRequest) -> HttpResponse:
    """The concerts that are open to the public, those that play next first."""
    search = request.GET.get("search", "").strip()[:200]
    page = Paginator(catalogue.concerts(search=search), CONCERTS_A_PAGE).get_page(request.GET.get("page"))
    listings = catalogue.listings(list(page))
    return render(request, "reservations/concerts.html", {"page": page, "listings": listings, "search": search})


def concert(request: HttpRequest, pk: int) -> HttpResponse:
    """One concert with its dates."""
    listing = catalogue.listing_of(pk)
    if listing is None:
        raise NotFound
    return render(request, "reservations/concert.html", {"concert": listing})
