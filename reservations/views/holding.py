"""Holding seats from the page on which they are chosen: those the fan names, the best there are, or equal ones."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from math import ceil

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import Conflict, DomainError, Invalid
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, idempotency_key, private_page, throttled
from concert_site.lib.web.refusals import retry_after
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen
from queueing.facts import TokenView
from queueing.models import TokenStatus
from queueing.queries import token_in_line
from reservations.domain import best_available, single_seats
from reservations.domain.best_available import BestAvailable
from reservations.domain.errors import HoldCooldown, SeatUnavailable, SeatUnknown, SingleSeatLeft, TicketLimitExceeded
from reservations.domain.holds import Booking
from reservations.domain.single_seats import OFF
from reservations.halls.seat_names import seat_name
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries import bookings
from reservations.queries.sales import sale_of
from reservations.queries.seat_map import Seat, seat_map_of
from reservations.views.waiting import redirect_to_place

# Up to here a wait is told in seconds, from here on in minutes.
SOON = 90
# More than any limit allows, and few enough for an address.
MOST_KEPT = 20
SUBSTITUTES = "best_available"


def choice_address(request: HttpRequest, pk: int) -> str:
    """The seats with what was chosen, for who lost session or form on the way."""
    ids = [number for text in request.POST.getlist("seats") if (number := id_in(text)) is not None]
    return seats_address(request, pk, keep=ids)


def hold(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Hold what was chosen and go on to pay; else go back to the seats with what is left of the choice."""
    try:
        chosen = chosen_seats(request)
    except SeatUnknown as refusal:
        return refused(request, schedule_id, refusal, [])
    token = token_in_line(schedule_id, user_id=fan_id(request))
    return answered(request, schedule_id, token, chosen, partial(held_booking, request, schedule_id, chosen, token))


@private_page
@verified
@throttled("hold")
def best(request: HttpRequest, pk: int) -> HttpResponse:
    """POST holds the best seats together and goes on to pay; a read leads to where they are asked for."""
    if request.method != "POST":
        return redirect("seats", pk=pk)
    token = token_in_line(pk, user_id=fan_id(request))
    return answered(request, pk, token, [], partial(best_booking, request, pk, token))


def answered(
    request: HttpRequest, schedule_id: int, token: TokenView | None, chosen: Sequence[int], step: Callable[[], Booking]
) -> HttpResponse:
    """To the checkout of what a step holds; else to where the fan can do something about it."""
    try:
        booking = step()
    except (QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen):
        return redirect_to_waiting_room(schedule_id, token)
    except SingleSeatLeft as told:
        return redirect_to_choice(request, schedule_id, chosen, instead=told.instead, lonely=told.lonely)
    except (Invalid, Conflict, HoldCooldown) as refusal:
        return refused(request, schedule_id, refusal, chosen)
    if booking.substituted:
        messages.info(request, substituted_text(booking, schedule_id))
    return redirect(
        "checkout" if ReservationStatus.RESERVING in booking.states else "booking", reference=booking.reference
    )


def refused(request: HttpRequest, schedule_id: int, refusal: DomainError, chosen: Sequence[int]) -> HttpResponse:
    """Back to the seats, with what is wrong, what is left of the choice, and what could be had in its place."""
    if isinstance(refusal, HoldCooldown):
        messages.error(request, cooldown_text(refusal.retry_after_seconds))
        return redirect_to_choice(request, schedule_id, chosen)
    messages.error(request, refusal_text(refusal, schedule_id, chosen, user_id=fan_id(request)))
    kept = without_faults(chosen, refusal)
    instead: Sequence[int] = ()
    if isinstance(refusal, SeatUnavailable) and chosen:
        gone = [seat for seat in chosen if seat not in kept]
        instead = best_available.equal_seats(schedule_id, kept=kept, gone=gone, user_id=fan_id(request))
    return redirect_to_choice(request, schedule_id, kept, instead=instead)


def redirect_to_waiting_room(schedule_id: int, token: TokenView | None) -> HttpResponse:
    """Who isn't inside waits; the page says how an earlier turn ended."""
    if token is not None and token.status == TokenStatus.EXPIRED:
        return redirect_to_place(token)
    return redirect("waiting_room", pk=schedule_id)


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

    :raises SingleSeatLeft: unless the fan was told, and goes on
    :raises DomainError: whatever holding refuses
    """
    substitutes = request.POST.get("on_conflict") == SUBSTITUTES
    goes_on = request.POST.get("lonely") == "ok" or settings.SINGLE_SEATS == OFF
    content = {"substitutes": True} if substitutes else {}
    key = idempotency_key(request, schedule=schedule_id, seats=sorted(chosen), **content)
    # What the house demands is judged anew; what it advises was said.
    judged = single_seats.hold_by_rule if goes_on else single_seats.hold_unless_single_left
    return hold_with_key(
        partial(
            judged,
            user_id=fan_id(request),
            schedule=schedule_id,
            seats=chosen,
            queue_token=token.token if token else None,
            substitutes=substitutes,
        ),
        key,
    )


def best_booking(request: HttpRequest, schedule_id: int, token: TokenView | None) -> Booking:
    """The booking of the best seats that a form asks for; sent twice, it answers the same one.

    :raises DomainError: whatever holding refuses
    """
    wish = wish_in(request)
    key = idempotency_key(request, schedule=schedule_id, **asdict(wish))
    inside = token.token if token else None
    hold = partial(best_available.hold_best_available, wish, schedule=schedule_id, queue_token=inside)
    return hold_with_key(partial(hold, user_id=fan_id(request)), key)


def wish_in(request: HttpRequest) -> BestAvailable:
    """What a form asks for.

    :raises Invalid: if it doesn't say how many
    """
    quantity = id_in(request.POST.get("quantity", ""))
    if quantity is None or quantity > MOST_KEPT:
        raise Invalid(_("Say how many seats."))
    return BestAvailable(
        quantity=quantity,
        section=request.POST.get("section") or None,
        category=request.POST.get("category") or None,
        accessible=bool(request.POST.get("accessible")),
    )


def hold_with_key(hold: Callable[..., Booking], key: str) -> Booking:
    """The booking of a form's key; of one whose booking was given up since, another.

    :raises DomainError: whatever holding refuses
    """
    booking = hold(idempotency_key=key, request_hash=key)
    if booking.states == {ReservationStatus.CANCELED}:
        # A page from before that booking was given up, sent once more: the fan wants the seats again.
        return hold()
    return booking


def substituted_text(booking: Booking, schedule_id: int) -> str:
    """Which seats are held in the place of which."""
    sale = sale_of(schedule_id)
    known = seat_map_of(sale).seats if sale else {}
    return " ".join(
        _("%(gone)s had just been taken. You hold %(seat)s instead, at the same price.")
        % {"gone": seat_name(known[each.seat]), "seat": seat_name(known[each.by])}
        for each in booking.substituted
        if each.seat in known and each.by in known
    )


def refusal_text(refusal: DomainError, schedule_id: int, chosen: Sequence[int], *, user_id: int) -> str:
    """What is wrong with the choice, and what to do."""
    sale = sale_of(schedule_id)
    if isinstance(refusal, SeatUnavailable) and refusal.items and sale is not None:
        known = seat_map_of(sale).seats
        gone = [known[chosen[nth]] for nth in refusal.items if chosen[nth] in known]
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
    return format_html_join(" ", "{}", [(each,) for each in sentences])


def own_seats_text(seats: Sequence[Seat], reservation: Reservation) -> str:
    """That another tab or device of the fan has these, and the way to them."""
    names = "; ".join(map(seat_name, seats))
    if reservation.status == ReservationStatus.RESERVED:
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


def redirect_to_choice(
    request: HttpRequest,
    schedule_id: int,
    kept: Sequence[int],
    *,
    instead: Iterable[int] = (),
    lonely: Iterable[int] = (),
) -> HttpResponse:
    """The page that the choice was made on, with what is left of it, and what there is to say."""
    return redirect(seats_address(request, schedule_id, keep=kept, instead=instead, lonely=lonely))


def seats_address(request: HttpRequest, schedule_id: int, **seats: Iterable[int]) -> str:
    """Its address; `seats` by what they are to it."""
    query = {name: request.POST[name] for name in ("section", "portion", "view") if request.POST.get(name)}
    for name, named in seats.items():
        if ids := list(map(str, named))[:MOST_KEPT]:
            query[name] = ",".join(ids)
    return reverse("seats", args=[schedule_id], query=query)
