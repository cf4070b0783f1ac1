"""Choosing seats: on the map, or from lists of sections and rows."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import require_found
from concert_site.lib.formats import script_money
from concert_site.lib.web.converters import id_in
from concert_site.lib.web.pages import fan_id, new_form_key, private_page, resumes_at, throttled
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive
from queueing.models import TokenStatus
from queueing.queries import token_in_line
from reservations.domain.single_seats import DEMAND
from reservations.queries.sales import Sale, public_sale_of
from reservations.queries.seat_choice import seat_advice, seat_choice
from reservations.views import holding
from reservations.views.holding import MOST_KEPT, choice_address, redirect_to_waiting_room

# What static/js/seats.js draws a hall with, so that a browser fetches all at once: modules don't wait for one another.
MODULES = [
    f"js/{name}.js"
    for name in (
        *("availability", "colours", "gestures", "hall_areas", "hall_map", "hall_painter", "hall_view"),
        *("legend", "money", "other_tabs", "seat_data", "seat_names", "seat_shapes"),
    )
]


@private_page
@resumes_at(choice_address)
@verified
@throttled("hold")
def seats(request: HttpRequest, pk: int) -> HttpResponse:
    """GET comes in and chooses; POST holds what was chosen."""
    return holding.hold(request, pk) if request.method == "POST" else choose(request, pk)


# --- Choosing ----------------------------------------------------------------------------------


def choose(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The hall, for who is inside; opening it gives the full time.

    :raises NotFound: if there is no such schedule in public
    """
    sale = require_found(public_sale_of(schedule_id))
    now, user_id = sale.now, fan_id(request)
    token = token_in_line(schedule_id, user_id=user_id)
    if token is None or token.status != TokenStatus.ACTIVE or not sale.is_open_at(now):
        return redirect_to_waiting_room(schedule_id, token)
    if token.entered_at is None:
        try:
            token = line.enter(user_id=user_id, token=token.token)
        except QueueTokenInactive:
            return redirect_to_waiting_room(schedule_id, token)
    kept, instead, lonely = (ids_in(request, name) for name in ("keep", "instead", "lonely"))
    context = {
        "sale": sale,
        "is_list": request.GET.get("view") == "list",
        "form_key": new_form_key(),
        # What to say of a choice that was not held, as the address has it.
        "advice": seat_advice(
            sale, chosen=kept, instead=instead, lonely=lonely, may_go_on=settings.SINGLE_SEATS != DEMAND
        ),
        "turn_ends_at": token.expired_at,
        "choice": seat_choice(
            sale,
            token,
            now=now,
            section=request.GET.get("section", ""),
            portion=max(1, id_in(request.GET.get("portion", "")) or 1),
            kept=kept,
            user_id=user_id,
        ),
    }
    return render(request, "reservations/seats.html", context | script_facts(sale))


def ids_in(request: HttpRequest, name: str) -> list[int]:
    """Seats as the address names them."""
    ids = map(id_in, request.GET.get(name, "").split(",")[:MOST_KEPT])
    return [number for number in ids if number is not None]


def script_facts(sale: Sale) -> dict[str, object]:
    """What the scripts of the map need beside the hall."""
    return {
        "script_texts": script_texts(sale.tickets_per_fan),
        "modules": MODULES,
        **script_money(),
    }


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
            "left": _("{left} left"),
            "section": _("{section}: {left} seats left, {grades}, from {price}"),
            "section_full": _("{section}: nothing left"),
            "full_short": _("full"),
            "count_one": _("1 seat"),
            "count_many": _("{count} seats"),
            "language": get_language(),
            "gone": _("{seat} has just been taken."),
            "held_elsewhere": _("You have just held {seat} in another tab. Pay there, or from My bookings."),
            "hold_one": _("Hold 1 seat"),
            "hold_many": _("Hold {count} seats"),
            "stale": _("The connection is lost, so the map may be out of date."),
            "broken": _("The map can't be loaded. Choose from the list instead."),
        }
    )
