"""A fan's page: what they have booked and hold, where they stand, their money, and their story."""

from __future__ import annotations

from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from concert_site.accounts.models import User
from concert_site.back_office.desk.story import story_of
from concert_site.back_office.pages import page, staff_page
from concert_site.lib.errors import require_found
from queueing.models import STATE, WaitingToken
from reservations.models import StaffNote
from reservations.queries.help_desk import bookings_of_fan
from wallet.models import TopUp
from wallet.queries import history_of, wallet_of

MOST_BOOKINGS, MOST_ROWS = 30, 30


@staff_page("accounts.view_user", "reservations.view_reservation")
def fan_page(request: HttpRequest, user_id: int) -> HttpResponse:
    fan = fan_of(user_id)
    may = request.user.has_perm
    may_see_money = may("payments.view_payment")
    bookings = bookings_of_fan(user_id, MOST_BOOKINGS) if may("reservations.view_reservation") else None
    seats = [booked for booking in bookings or () for booked in booking.seats]
    return page(
        request,
        "desk/fan.html",
        title=fan.shown_name,
        fan=fan,
        bookings=bookings,
        places=places_of(user_id) if may("queueing.view_waitingtoken") else None,
        wallet=wallet_of(user_id) if may("wallet.view_balance") else None,
        ledger=ledger_of(user_id) if may("wallet.view_balancehistory") else None,
        top_ups=list(TopUp.objects.of(user_id=user_id).order_by("-pk")[:MOST_ROWS])
        if may("wallet.view_topup")
        else None,
        notes=list(StaffNote.objects.filter(user_id=user_id).select_related("actor").order_by("pk")),
        note_url=reverse("admin:fan_note", args=[user_id]),
        note_key=uuid4(),
        story=story_of(seats, [fan] if may("accounts.view_user") else [], with_money=may_see_money),
    )


def fan_of(user_id: int) -> User:
    """
    :raises NotFound: if there is no such account
    """
    return require_found(User.objects.filter(pk=user_id).first())


def places_of(user_id: int) -> list[WaitingToken]:
    """Their places in lines, the latest first."""
    found = WaitingToken.objects.of(user_id=user_id).annotate(state=STATE).order_by("-pk")
    related = found.select_related("concert_schedule__concert__venue")
    return list(related.defer("concert_schedule__layout", "concert_schedule__draw_seed")[:MOST_ROWS])


def ledger_of(user_id: int) -> list[object]:
    """The latest of their ledger, each with the booking it is about."""
    return list(history_of(user_id).select_related("actor", "payment__reservation")[:MOST_ROWS])
