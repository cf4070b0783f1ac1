"""A fan's own bookings."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.web.pages import fan_id, private_page, throttled
from reservations.domain import cancellation, holds
from reservations.domain.errors import HoldExpired
from reservations.queries import booking_summaries
from reservations.queries.booking_summaries import BookedSeat, BookedSeatState, BookingTab
from reservations.tickets.calendar import google_url
from reservations.views.calendars import calendar_entry
from wallet.domain import top_ups

BOOKINGS_A_PAGE = 10


@private_page
def bookings(request: HttpRequest) -> HttpResponse:
    """What the fan has booked, on one of three tabs."""
    asked = request.GET.get("show", "")
    tab = BookingTab(asked) if asked in BookingTab.values else BookingTab.UPCOMING
    references = booking_summaries.references_in(tab, user_id=fan_id(request))
    page = Paginator(references, BOOKINGS_A_PAGE).get_page(request.GET.get("page"))
    found = booking_summaries.booking_summaries(list(page), user_id=fan_id(request))
    facts = {"bookings": found, "page": page, "tab": tab, "tabs": BookingTab}
    return render(request, "reservations/bookings.html", facts)


@private_page
def booking(request: HttpRequest, reference: str) -> HttpResponse:
    summary = booking_summaries.booking_summary(reference, user_id=fan_id(request))
    facts = {
        "booking": summary,
        "seats": [(each, offer_for(each)) for each in summary.seats],
        "google_url": google_url(calendar_entry(request, summary)) if summary.paid and summary.is_ahead else "",
        # What is worth telling friends: the concert, not the booking.
        "concert_address": request.build_absolute_uri(reverse("concert", args=[summary.first.concert_id])),
        "may_cancel": any((offer := offer_for(each)) and offer.is_open for each in summary.paid),
    }
    return render(request, "reservations/booking.html", facts)


def offer_for(booked: BookedSeat) -> cancellation.Quote | None:
    """What a paid seat gives back today; None for others."""
    return cancellation.quote_of(booked.reservation) if booked.state == BookedSeatState.PAID else None


@private_page
@throttled("write")
def extend(request: HttpRequest, reference: str) -> HttpResponse:
    """Give the fan more time to pay, once. A read leads to the checkout."""
    if request.method == "POST":
        summary = booking_summaries.booking_summary(reference, user_id=fan_id(request))
        try_to_extend(request, summary)
    return redirect("checkout", reference)


def try_to_extend(request: HttpRequest, summary: booking_summaries.BookingSummary) -> None:
    """Extend, and say so; of a hold that is over, or had its longer time before, the checkout tells itself."""
    if not summary.held or summary.is_extended:
        return
    try:
        holds.extend_hold(user_id=fan_id(request), reservation_id=summary.held[0].reservation.pk)
    except HoldExpired:
        return
    messages.success(request, _("You have more time to pay."))


@private_page
@throttled("write")
def give_up(request: HttpRequest, reference: str) -> HttpResponse:
    """Give back all held seats of a booking. A read leads to the booking."""
    if request.method == "POST":
        count = holds.release_booking(reference=reference, user_id=fan_id(request))
        if count:
            end_payments(reference, user_id=fan_id(request))
            said = ngettext("You released %(count)d seat.", "You released %(count)d seats.", count)
            messages.success(request, said % {"count": count})
    return redirect("booking", reference)


def end_payments(reference: str, *, user_id: int) -> None:
    """A payment by card that is under way for seats that were given back has nothing left to pay."""
    summary = booking_summaries.booking_summary(reference, user_id=user_id)
    top_ups.abandon_all_for([each.reservation.pk for each in summary.seats], user_id=user_id)
