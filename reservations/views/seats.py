"""Choosing seats: on the map, or from lists of sections and rows, and holding them."""

import json
from collections.abc import Sequence
from functools import partial
from math import ceil
from urllib.parse import urlencode

from babel.numbers import get_currency_precision
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import Conflict, DomainError, Invalid, NotFound
from concert_site.lib.formats import money_pattern
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, idempotency_key, new_form_key, private_page, resumes_at, throttled
from concert_site.lib.web.refusals import retry_after
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen
from queueing.models import Status as TokenStatus
from queueing.queries import TokenView, token_in_line
from reservations.domain.errors import (
    HoldCooldown,
    SeatUnavailable,
    SeatUnknown,
    TicketLimitExceeded,
)
from reservations.domain.holds import Booking, hold_seats
from reservations.halls.seat_names import seat_name
from reservations.models import Reservation
from reservations.models.reservation import Status
from reservations.queries import bookings
from reservations.queries.sales import public_sale_of, sale_of
from reservations.queries.seat_choice import seat_choice
from reservations.queries.seat_map import Seat, seat_map_of

# Up to here a wait is told in seconds, from here on in minutes.
SOON = 90
# More than any limit allows, and few enough for an address.
MOST_KEPT = 20


def where_the_choice_goes_on(request: HttpRequest, pk: int) -> str:
    """The seats with what was chosen, for who lost session or form on the way."""
    ids = [number for text in request.POST.getlist("seats") if (number := id_in(text)) is not None]
    return address_of_the_seats(request, pk, ids)


@private_page
@resumes_at(where_the_choice_goes_on)
@verified
@throttled("hold")
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    """GET comes in and chooses; POST holds what was chosen."""
    return hold(request, pk) if request.method == "POST" else choose(request, pk)


# --- Choosing ----------------------------------------------------------------------------------


def choose(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The hall, for who is inside; opening it gives the full time.

    :raises NotFound: if there is no such schedule in public
    """
    sale = public_sale_of(schedule_id)
    if sale is None:
        raise NotFound
    now = sale.now
    is_open = sale.is_open_at(now)
    token = token_in_line(schedule_id, user_id=fan_id(request))
    if token is None or token.status != TokenStatus.ACTIVE or not is_open:
        return to_the_waiting_room(schedule_id, token)
    if token.entered_at is None:
        try:
            token = line.enter(user_id=fan_id(request), token=token.token)
        except QueueTokenInactive:
            return to_the_waiting_room(schedule_id, token)
    context = {
        "sale": sale,
        "is_list": request.GET.get("view") == "list",
        "form_key": new_form_key(),
        "script_texts": script_texts(sale.tickets_per_fan),
        "language": get_language(),
        "money_pattern": money_pattern(),
        "digits": get_currency_precision(settings.CURRENCY),
        "turn_ends_at": token.expired_at,
        "choice": seat_choice(
            sale,
            token,
            now=now,
            section=request.GET.get("section", ""),
            portion=max(1, id_in(request.GET.get("portion", "")) or 1),
            kept=kept_seats(request),
            user_id=fan_id(request),
        ),
    }
    return render(request, "reservations/seats.html", context)


def to_the_waiting_room(schedule_id: int, token: TokenView | None) -> HttpResponse:
    """Who isn't inside waits; the page says how an earlier turn ended."""
    ended = token is not None and token.status == TokenStatus.EXPIRED
    query = f"?token={token.token}" if token is not None and ended else ""
    return redirect(resolve_url("waiting_room", pk=schedule_id) + query)


def kept_seats(request: HttpRequest) -> list[int]:
    """The seats that a refused choice left over, as the address names them."""
    ids = map(id_in, request.GET.get("keep", "").split(",")[:MOST_KEPT])
    return [number for number in ids if number is not None]


def script_texts(limit: int) -> str:
    """What the map says, in the reader's language, as JSON; {braces} are filled in by the script."""
    return json.dumps(
        {
            "seat": _("{section}, row {row}, seat {seat}"),
            "free": _("free"),
            "taken": _("taken"),
            "own": _("yours"),
            "chosen": _("chosen"),
            "accessible": _("wheelchair place"),
            "remove": _("Remove {seat}"),
            "limit": _("You can book up to %(limit)s tickets for this date.") % {"limit": limit},
            "gone": _("{seat} has just been taken."),
            "held_elsewhere": _("You have just held {seat} in another tab. Pay there, or from My bookings."),
            "hold_one": _("Hold 1 seat"),
            "hold_many": _("Hold {count} seats"),
            "stale": _("The connection is lost, so the map may be out of date."),
            "broken": _("The map can't be loaded. Choose from the list instead."),
        }
    )


# --- Holding -----------------------------------------------------------------------------------


def hold(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Hold what was chosen and go on to pay; else go back to the seats with what is left of the choice."""
    token = token_in_line(schedule_id, user_id=fan_id(request))
    chosen: list[int] = []
    try:
        chosen = chosen_seats(request)
        booking = held_booking(request, schedule_id, chosen, token)
    except (QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen):
        return to_the_waiting_room(schedule_id, token)
    except HoldCooldown as refusal:
        messages.error(request, cooldown_text(refusal.retry_after_seconds))
        return back_to_the_seats(request, schedule_id, chosen)
    except (Invalid, Conflict) as refusal:
        messages.error(request, refusal_text(refusal, schedule_id, chosen, user_id=fan_id(request)))
        return back_to_the_seats(request, schedule_id, without_faults(chosen, refusal))
    return redirect("checkout" if Status.RESERVING in booking.states else "booking", reference=booking.reference)


def chosen_seats(request: HttpRequest) -> list[int]:
    """The ids that the form names, each once.

    :raises SeatUnknown: if one is no id
    """
    ids = [id_in(text) for text in request.POST.getlist("seats")]
    if None in ids:
        raise SeatUnknown
    return list(dict.fromkeys(number for number in ids if number is not None))


def held_booking(request: HttpRequest, schedule_id: int, chosen: list[int], token: TokenView | None) -> Booking:
    """The booking of these seats; the same form sent twice answers the same booking while any of it lives.

    :raises DomainError: whatever hold_seats refuses
    """
    key = idempotency_key(request, schedule=schedule_id, seats=sorted(chosen))
    hold = partial(
        hold_seats,
        user_id=fan_id(request),
        schedule=schedule_id,
        seats=chosen,
        queue_token=token.token if token else None,
    )
    booking = hold(idempotency_key=key, request_hash=key)
    if booking.states == {Status.CANCELED}:
        # A page from before that booking was given up, sent once more: the fan wants the seats again.
        return hold()
    return booking


def refusal_text(refusal: DomainError, schedule_id: int, chosen: Sequence[int], *, user_id: int) -> str:
    """What is wrong with the choice, and what to do."""
    sale = sale_of(schedule_id)
    if isinstance(refusal, SeatUnavailable) and sale is not None:
        known = seat_map_of(sale).seats
        gone = [known[chosen[nth]] for nth in refusal.items or () if chosen[nth] in known]
        return taken_seats_text(gone, schedule_id, user_id=user_id)
    if isinstance(refusal, TicketLimitExceeded) and sale is not None:
        counts = {"limit": sale.tickets_per_fan, "has": bookings.live_of_schedule(schedule_id, user_id=user_id).count()}
        return _("You can book up to %(limit)s tickets for this date and have %(has)s already. Choose fewer.") % counts
    if isinstance(refusal, SeatUnknown):
        return _("There is no such seat on this date. Choose from the ones shown.")
    return str(refusal.detail)


def cooldown_text(seconds: float) -> str:
    """That the fan has given back too often, and when to try again: never earlier than they may."""
    count = retry_after(seconds)
    if count > SOON:
        count = ceil(count / 60)
        when = ngettext("in %(count)d minute", "in %(count)d minutes", count)
    else:
        when = ngettext("in %(count)d second", "in %(count)d seconds", count)
    said = _("You’ve released seats for this date several times. You can choose again %(when)s.")
    return said % {"when": when % {"count": count}}


def taken_seats_text(gone: Sequence[Seat], schedule_id: int, *, user_id: int) -> str:
    """Which of the chosen seats can't be had; a seat may be the fan's own, booked in another tab."""
    own = {each.concert_seat_id: each for each in bookings.live_of_schedule(schedule_id, user_id=user_id)}
    sentences = []
    if yours := [seat for seat in gone if seat.id in own]:
        sentences.append(own_seats_text(yours, own[yours[0].id]))
    if taken := [seat_name(seat) for seat in gone if seat.id not in own]:
        said = ngettext("%(seats)s has just been taken.", "%(seats)s have just been taken.", len(taken))
        sentences.append(said % {"seats": "; ".join(taken)})
    return mark_safe(" ".join(conditional_escape(each) for each in sentences))  # noqa: S308  each is escaped


def own_seats_text(seats: Sequence[Seat], reservation: Reservation) -> str:
    """That another tab or device of the fan has these, and the way to them."""
    names = "; ".join(map(seat_name, seats))
    if reservation.status == Status.RESERVED:
        said = ngettext("%(seats)s is yours already, and paid.", "%(seats)s are yours already, and paid.", len(seats))
        address, way = resolve_url("booking", reservation.booking_reference), _("To your booking")
    else:
        said = ngettext(
            "You hold %(seats)s already, in another tab or on another device.",
            "You hold %(seats)s already, in another tab or on another device.",
            len(seats),
        )
        address, way = resolve_url("checkout", reservation.booking_reference), _("Go on to pay")
    return format_html('{} <a href="{}">{}</a>', said % {"seats": names}, address, way)


def without_faults(chosen: Sequence[int], refusal: DomainError) -> list[int]:
    """What is left of a choice without the seats at fault."""
    at_fault = set(refusal.items or ())
    return [seat for nth, seat in enumerate(chosen) if nth not in at_fault]


def back_to_the_seats(request: HttpRequest, schedule_id: int, kept: Sequence[int]) -> HttpResponse:
    """The page that the choice was made on, with what is left of it."""
    return redirect(address_of_the_seats(request, schedule_id, kept))


def address_of_the_seats(request: HttpRequest, schedule_id: int, kept: Sequence[int]) -> str:
    """Its address."""
    query = {name: request.POST[name] for name in ("section", "portion", "view") if request.POST.get(name)}
    if kept:
        query["keep"] = ",".join(map(str, kept[:MOST_KEPT]))
    address = resolve_url("seats", pk=schedule_id)
    return f"{address}?{urlencode(query)}" if query else address
