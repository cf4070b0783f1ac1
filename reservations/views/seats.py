"""Choosing seats: on the map, or from lists of sections and rows, and holding them."""

from django.http import HttpRequest, HttpResponse

from concert_site.lib.pages import fans_own


@fans_own
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    """The seats."""
    return HttpResponse("soon")
