"""A fan's own bookings."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from concert_site.lib.pages import fan_id, fans_own
from reservations.queries import bookings as reads


@fans_own
def bookings(request: HttpRequest) -> HttpResponse:
    """What the fan has booked, newest first."""
    reservations = reads.own_reservations(user_id=fan_id(request))[:50]
    return render(request, "reservations/bookings.html", {"reservations": reservations})
