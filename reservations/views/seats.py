"""Choosing seats: on the map, or from lists of sections and rows, and holding them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from urllib.parse import urlencode

from babel.numbers import get_currency_precision
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import Conflict, DomainError, Invalid
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, fans_own, idempotency_key, new_form_key, throttled
from concert_site.lib.web.refusals import retry_after
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired
from queueing.models import Status as TokenStatus
from queueing.queries import TokenView, token_in_line
from reservations.domain.errors import (
    HoldCooldown,
    SaleClosed,
    SaleNotOpen,
    SeatUnavailable,
    SeatUnknown,
    TicketLimitExceeded,
)
from reservations.domain.holds import Booking, hold_seats
from reservations.domain.public_progress import Progress, progress_of
from reservations.models.reservation import Status
from reservations.queries import bookings, concerts
from reservations.queries.availability import availability_of
from reservations.queries.hall import FREE, HallPlan, Row, Seat, Section, letters_of, plan_of
from reservations.queries.sales import sale_of
from reservations.views.waiting import INSIDE

# Up to here a wait is told in seconds, from here on in minutes.
SOON = 90
# More than any limit allows, and few enough for an address.
MOST_KEPT = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """A seat in the list of its row: whether it can be had, is the fan's own already, or was chosen before."""

    seat: Seat
    is_free: bool
    is_own: bool
    is_chosen: bool


@fans_own
@verified
@throttled("hold")
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    """GET comes in and chooses; POST holds what was chosen."""
    return hold(request, pk) if request.method == "POST" else choose(request, pk)


# --- Choosing ----------------------------------------------------------------------------------


def choose(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The hall, for who is inside; opening it gives the full time."""
    seen = progress_of(schedule_id)
    token = token_in_line(schedule_id, user_id=fan_id(request))
    if token is None or token.status != TokenStatus.ACTIVE or seen.state not in INSIDE:
        return to_the_waiting_room(schedule_id, token)
    if token.entered_at is None:
        try:
            token = line.enter(user_id=fan_id(request), token=token.token)
        except QueueTokenInactive:
            return to_the_waiting_room(schedule_id, token)
    inside = inside_of(seen, token, user_id=fan_id(request))
    return render(request, "reservations/seats.html", inside | hall_of(request, seen, inside))


def to_the_waiting_room(schedule_id: int, token: TokenView | None) -> HttpResponse:
    """Who isn't inside waits; the page says how an earlier turn ended."""
    ended = token is not None and token.status == TokenStatus.EXPIRED
    query = f"?token={token.token}" if token is not None and ended else ""
    return redirect(resolve_url("waiting_room", pk=schedule_id) + query)


def inside_of(seen: Progress, token: TokenView, *, user_id: int) -> dict[str, object]:
    """What the fan has: time, seats held already, and how many more they may choose."""
    sale = seen.sale
    owned = list(bookings.live_of_schedule(sale.schedule_id, user_id=user_id))
    assert token.expired_at is not None  # noqa: S101  an ACTIVE token has its time, says a constraint
    return {
        "schedule": sale.schedule_id,
        "seen": seen,
        "concert": concerts.listing_of(sale.concert_id),
        "seconds_left": max(1, ceil((token.expired_at - sale.now()).total_seconds())),
        "held": [each for each in owned if each.status == Status.RESERVING],
        "owned": len(owned),
        "own_seats": [each.concert_seat_id for each in owned],
        "may_choose": max(0, sale.tickets_per_fan - len(owned)),
        "form_key": new_form_key(),
    }


def hall_of(request: HttpRequest, seen: Progress, inside: dict[str, object]) -> dict[str, object]:
    """The hall: the section that was asked for with its rows, else all sections."""
    plan = plan_of(seen.sale)
    letters = letters_of(availability_of(seen.sale.schedule_id))
    kept = kept_seats(request, plan)
    section = plan.sections.get(request.GET.get("section", ""))
    content: dict[str, object] = {
        "plan": plan,
        "sections": [(each, each.seats_left(letters)) for each in plan.sections.values()] if section is None else [],
        "section": section,
        "is_list": section is not None or request.GET.get("view") == "list",
        "kept": kept,
        "words": words_for_scripts(),
        "language": get_language(),
        "currency": settings.CURRENCY,
        "digits": get_currency_precision(settings.CURRENCY),
    }
    if section is not None:
        content |= portion_of(request, section)
        own = set(inside["own_seats"])  # type: ignore[call-overload]  # made by inside_of
        shown: Sequence[Row] = content["portion"]  # type: ignore[assignment]  # made by portion_of
        content["rows"] = [(row, [choice_of(seat, letters, own, kept) for seat in row.seats]) for row in shown]
    return content


def portion_of(request: HttpRequest, section: Section) -> dict[str, object]:
    """The rows of a section that one page shows, and how to come to the others."""
    nth = min(max(1, id_in(request.GET.get("portion", "")) or 1), len(section.portions))
    names = [(number, rows[0].name, rows[-1].name) for number, rows in enumerate(section.portions, 1)]
    return {"portion": section.portions[nth - 1], "portion_number": nth, "portions": names if len(names) > 1 else []}


def choice_of(seat: Seat, letters: str, own: set[int], kept: Sequence[int]) -> Choice:
    """A seat as this fan may choose it."""
    is_free = letters[seat.nth : seat.nth + 1] == FREE
    return Choice(seat, is_free=is_free, is_own=seat.id in own, is_chosen=is_free and seat.id in kept)


def kept_seats(request: HttpRequest, plan: HallPlan) -> list[int]:
    """The seats that a refused choice left over, as the address names them."""
    texts = request.GET.get("keep", "").split(",")[:MOST_KEPT]
    return [number for text in texts if (number := id_in(text)) in plan.seats and number is not None]


def words_for_scripts() -> str:
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
            "limit": _("You have chosen as many seats as you can still book for this date."),
            "gone": _("{seat} has just been taken."),
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
        booking = held(request, schedule_id, chosen, token)
    except (QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen):
        return to_the_waiting_room(schedule_id, token)
    except HoldCooldown as refusal:
        messages.error(request, in_words_of_time(refusal.retry_after_seconds))
        return back_to_the_seats(request, schedule_id, chosen)
    except (Invalid, Conflict) as refusal:
        messages.error(request, in_words(refusal, schedule_id, chosen, user_id=fan_id(request)))
        return back_to_the_seats(request, schedule_id, left_of(chosen, refusal))
    is_to_pay = any(bookings.state_of(each) == Status.RESERVING for each in booking.reservations)
    return redirect("checkout" if is_to_pay else "booking", reference=booking.reference)


def chosen_seats(request: HttpRequest) -> list[int]:
    """The ids that the form names, each once.

    :raises SeatUnknown: if one is no id
    """
    ids = [id_in(text) for text in request.POST.getlist("seats")]
    if None in ids:
        raise SeatUnknown
    return list(dict.fromkeys(number for number in ids if number is not None))


def held(request: HttpRequest, schedule_id: int, chosen: list[int], token: TokenView | None) -> Booking:
    """The booking of these seats; the same form sent twice answers the same booking while any of it lives.

    :raises DomainError: whatever hold_seats refuses
    """
    key = idempotency_key(request, schedule=schedule_id, seats=sorted(chosen))

    def attempt(key: str | None) -> Booking:
        return hold_seats(
            user_id=fan_id(request),
            schedule=schedule_id,
            seats=chosen,
            queue_token=token.token if token else None,
            idempotency_key=key,
            request_hash=key,
        )

    booking = attempt(key)
    if all(bookings.state_of(each) == Status.CANCELED for each in booking.reservations):
        # A page from before that booking was given up, sent once more: the fan wants the seats again.
        return attempt(None)
    return booking


def in_words(refusal: DomainError, schedule_id: int, chosen: Sequence[int], *, user_id: int) -> str:
    """What is wrong with the choice, and what to do."""
    sale = sale_of(schedule_id)
    if isinstance(refusal, SeatUnavailable) and sale is not None:
        known = plan_of(sale).seats
        gone = [known[chosen[nth]] for nth in refusal.items or () if chosen[nth] in known]
        return in_words_of_seats(gone, schedule_id, user_id=user_id)
    if isinstance(refusal, TicketLimitExceeded) and sale is not None:
        counts = {"limit": sale.tickets_per_fan, "has": bookings.live_of_schedule(schedule_id, user_id=user_id).count()}
        return _("One fan may book %(limit)s seats for this date; you have %(has)s. Choose fewer.") % counts
    if isinstance(refusal, SeatUnknown):
        return _("This date has no such seat. Choose from the ones shown.")
    return str(refusal.detail)


def in_words_of_time(seconds: float) -> str:
    """That the fan has given back too often, and when to try again: never earlier than they may."""
    count = retry_after(seconds)
    if count > SOON:
        count = ceil(count / 60)
        when = ngettext("in %(count)d minute", "in %(count)d minutes", count)
    else:
        when = ngettext("in %(count)d second", "in %(count)d seconds", count)
    said = _("You have given seats of this date back several times. You can hold seats again %(when)s.")
    return said % {"when": when % {"count": count}}


def in_words_of_seats(gone: Sequence[Seat], schedule_id: int, *, user_id: int) -> str:
    """Which of the chosen seats can't be had; a seat may be the fan's own, booked in another tab."""
    own = set(bookings.live_of_schedule(schedule_id, user_id=user_id).values_list("concert_seat_id", flat=True))
    sentences = []
    if yours := [name_of(seat) for seat in gone if seat.id in own]:
        said = ngettext("%(seats)s is yours already.", "%(seats)s are yours already.", len(yours))
        sentences.append(said % {"seats": "; ".join(yours)})
    if taken := [name_of(seat) for seat in gone if seat.id not in own]:
        said = ngettext("%(seats)s has just been taken.", "%(seats)s have just been taken.", len(taken))
        sentences.append(said % {"seats": "; ".join(taken)})
    return " ".join(sentences)


def name_of(seat: Seat) -> str:
    """A seat in words."""
    return _("%(section)s, row %(row)s, seat %(label)s") % {
        "section": seat.section,
        "row": seat.row,
        "label": seat.seat_label,
    }


def left_of(chosen: Sequence[int], refusal: DomainError) -> list[int]:
    """What is left of a choice without the seats at fault."""
    at_fault = set(refusal.items or ())
    return [seat for nth, seat in enumerate(chosen) if nth not in at_fault]


def back_to_the_seats(request: HttpRequest, schedule_id: int, kept: Sequence[int]) -> HttpResponse:
    """The page that the choice was made on, with what is left of it."""
    query = {name: request.POST[name] for name in ("section", "portion", "view") if request.POST.get(name)}
    if kept:
        query["keep"] = ",".join(map(str, kept[:MOST_KEPT]))
    address = resolve_url("seats", pk=schedule_id)
    return redirect(f"{address}?{urlencode(query)}" if query else address)
