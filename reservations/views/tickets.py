"""Tickets, to be shown at the door."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from concert_site.lib.web.pages import fan_id, private_page
from reservations.models import Reservation
from reservations.queries import booking_summaries
from reservations.queries.booking_summaries import BookedSeat
from reservations.queries.bookings import own_with_schedule
from reservations.queries.payment_facts import ticket_for
from reservations.tickets.codes import Ticket

# How the service worker asks for what it keeps, and where it is told for how long and for whom
# (static/js/service_worker.js).
OFFLINE_PART, KEEP_HEADER = "offline", "X-Keep-Offline"
KEPT_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShownTicket:
    """A ticket on a page."""

    reservation: Reservation
    ticket: Ticket


@private_page
def ticket(request: HttpRequest, pk: int) -> HttpResponse:
    reference = own_with_schedule(pk, user_id=fan_id(request)).booking_reference
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    asked = [each for each in booking.with_tickets if each.reservation.pk == pk]
    return show(request, booking, asked) if asked else no_ticket(request, booking)


@private_page
def tickets(request: HttpRequest, reference: str) -> HttpResponse:
    booking = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    asked = booking.with_tickets
    return show(request, booking, asked) if asked else no_ticket(request, booking)


def show(request: HttpRequest, booking: booking_summaries.BookingSummary, seats: list[BookedSeat]) -> HttpResponse:
    shown = [ShownTicket(each.reservation, ticket_for(each.reservation)) for each in seats]
    facts: dict[str, object] = {"booking": booking, "tickets": shown}
    is_to_keep = request.headers.get("X-Part") == OFFLINE_PART
    if is_to_keep:
        # What is held has changed by the time that a kept page is opened.
        facts["hold_bar"] = None
    response = render(request, "reservations/tickets.html", facts)
    if is_to_keep and not booking.is_past:
        response[KEEP_HEADER] = f"{int(kept_until(booking).timestamp())};{owner_of(request)}"
    return response


def kept_until(booking: booking_summaries.BookingSummary) -> datetime:
    """Until when a device needs the tickets: the evening is over by then, however long it takes."""
    return booking.schedule.concert_at + KEPT_AFTER


def owner_of(request: HttpRequest) -> str:
    """A name of the account that tells nothing of it, so that a device keeps the tickets of one."""
    return salted_hmac("reservations.tickets.offline", str(fan_id(request))).hexdigest()[:16]


def no_ticket(request: HttpRequest, booking: booking_summaries.BookingSummary) -> HttpResponse:
    """Say why there is none, where the fan can go on."""
    if booking.is_date_canceled:
        messages.warning(request, _("This date was canceled, so it has no tickets any more."))
        return redirect("booking", booking.reference)
    if booking.held:
        messages.warning(request, _("There is no ticket yet. Please pay first."))
        return redirect("checkout", booking.reference)
    messages.warning(request, _("This seat was canceled, so it has no ticket."))
    return redirect("booking", booking.reference)
