"""A booking's page: everything about it, whoever's it is, and every step that may be taken now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.accounts.models import User
from concert_site.back_office.desk.story import story_of
from concert_site.back_office.pages import page, staff_page
from concert_site.lib.cache_control import PRIVATE
from payments.models import Payment
from payments.queries import payment_of
from queueing.models import STATE, WaitingToken
from reservations.halls.drawing import draw
from reservations.halls.hall import seat_radius
from reservations.models import ConcertSchedule, ConcertSeat, StaffNote
from reservations.queries.booking_summaries import BookedSeat, BookingSummary
from reservations.queries.help_desk import booking_of
from reservations.queries.payment_facts import ticket_for
from reservations.views.tickets import ShownTicket
from wallet.models import BalanceHistory, Withdrawal

VIEW = "reservations.view_reservation"
SEE_MONEY = "payments.view_payment"
SEE_LEDGER = "wallet.view_balancehistory"


@dataclass(frozen=True)
class SeatLine:
    """A seat of a booking as the page lists it."""

    booked: BookedSeat
    payment: Payment | None


@staff_page(VIEW)
def booking_page(request: HttpRequest, reference: str) -> HttpResponse:
    """Seats, money, mails, tickets, the line, the story; money for who may see it alone."""
    booking = booking_of(reference)
    lines = [SeatLine(booked, payment_of(booked.reservation)) for booked in booking.seats]
    fans = list({booked.reservation.user_id: booked.reservation.user for booked in booking.seats}.values())
    may_see_money = request.user.has_perm(SEE_MONEY)
    return page(
        request,
        "desk/booking.html",
        title=_("Booking %(reference)s") % {"reference": reference},
        booking=booking,
        lines=lines,
        fans=fans,
        may_see_money=may_see_money,
        places=places_of(booking, fans) if request.user.has_perm("queueing.view_waitingtoken") else None,
        story=story_of(booking.seats, [], with_money=may_see_money),
        notes=list(StaffNote.objects.filter(booking_reference=reference).select_related("actor").order_by("pk")),
        note_url=reverse("admin:booking_note", args=[reference]),
        note_key=uuid4(),
        paid_ids=",".join(str(line.payment.pk) for line in lines if line.payment and line.booked.state == "paid"),
        **money_of(request, lines),
    )


def money_of(request: HttpRequest, lines: list[SeatLine]) -> dict[str, object]:
    """The ledger's rows of a booking and what went on to cards, each for who may look at it."""
    payments = [line.payment.pk for line in lines if line.payment]
    ledger = BalanceHistory.objects.filter(payment__in=payments).select_related("actor", "user").order_by("pk")
    sent = Withdrawal.objects.filter(payment__in=payments).order_by("pk")
    return {
        "ledger": list(ledger) if request.user.has_perm(SEE_LEDGER) else None,
        "withdrawals": list(sent) if request.user.has_perm("wallet.view_withdrawal") else None,
    }


def places_of(booking: BookingSummary, fans: list[User]) -> list[WaitingToken]:
    """Where its fans stood, or stand, in the line of its date, the latest first."""
    schedules = {booked.reservation.concert_schedule_id for booked in booking.seats}
    found = WaitingToken.objects.filter(user__in=fans, concert_schedule__in=schedules).annotate(state=STATE)
    return list(found.select_related("user").order_by("-pk")[:20])


@staff_page(VIEW)
def tickets_page(request: HttpRequest, reference: str) -> HttpResponse:
    """The tickets as they open the door, to be shown or printed."""
    booking = booking_of(reference)
    tickets = [ShownTicket(each.reservation, ticket_for(each.reservation)) for each in booking.with_tickets]
    return page(request, "desk/tickets.html", title=_("Tickets"), booking=booking, tickets=tickets)


# --- The map -----------------------------------------------------------------------------------


@staff_page(VIEW)
def map_picture(request: HttpRequest, reference: str) -> HttpResponse:
    """The hall of its date with the booking's seats marked: filled while they are live, else a ring."""
    booking = booking_of(reference)
    latest = max(booking.seats, key=lambda booked: booked.reservation.pk).reservation.concert_schedule_id
    schedule = ConcertSchedule.objects.get(pk=latest)
    dots = list(ConcertSeat.objects.of_schedule(latest).values_list("x", "y", "category"))
    drawing = draw(schedule.layout, dots, "")
    radius = seat_radius([(x, y) for x, y, _category in dots])
    here = [each for each in booking.seats if each.reservation.concert_schedule_id == latest]
    return HttpResponse(
        drawing.removesuffix("</svg>") + "".join(mark(each, radius) for each in here) + "</svg>",
        content_type="image/svg+xml",
        headers={"Cache-Control": PRIVATE},
    )


def mark(booked: BookedSeat, radius: float) -> str:
    """A ring around a seat, filled if the booking still has it. Of numbers alone, so nothing needs to be escaped."""
    look = f'fill="{"#ec3564" if booked.is_live else "none"}" stroke="#3c0414" stroke-width="{radius / 3:.1f}"'
    return f'<circle cx="{booked.seat.x:.1f}" cy="{booked.seat.y:.1f}" r="{radius * 1.3:.1f}" {look}/>'
