"""The waiting room of a schedule: join the line, watch it move, leave it."""

from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import NotFound, Unavailable
from concert_site.lib.web.pages import fan_id, private_page, throttled
from concert_site.lib.web.refusals import retry_after
from queueing.domain import line
from queueing.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from queueing.facts import RoomState, TokenView
from queueing.models import TokenStatus
from queueing.page import DRAWING_SECONDS, ENDED, waiting_page
from queueing.queries import place_of, token_in_line
from reservations.domain.waiting_room import join as join_line
from reservations.domain.waiting_room import slot_freed, snapshot_of, watched_snapshot
from reservations.queries.bookings import live_of_schedule
from reservations.queries.concerts import date_in_concert

# What the page's script sends to be answered with the place alone, and where it is told to go on to the seats.
PART_HEADER, GO_HEADER = "X-Part", "X-Go-To"


@private_page
def waiting_room(request: HttpRequest, pk: int) -> HttpResponse:
    """The fan's place in line; whose turn it is goes on to the seats by itself. The script asks for the place alone.

    :raises NotFound: if there is no such schedule, or its concert was taken down and the fan never waited: for who
        did, the sale is closed
    """
    user_id, named, is_part = fan_id(request), named_token(request), PART_HEADER in request.headers
    seen = watched_snapshot(pk)
    token = place_of(pk, user_id=user_id, named=named)
    if not seen.facts.is_public and token is None:
        raise NotFound
    if token is not None and token.status == TokenStatus.ACTIVE and seen.is_for_choosing and seen.facts.is_public:
        return redirect_to_seats(pk, is_part=is_part)
    page = waiting_page(seen, token)
    content: dict[str, object] = {
        "schedule": pk,
        "snapshot": seen,
        "token": token,
        "page": page,
        "entry_seconds": settings.TOKEN_ENTRY_SECONDS,
        "drawing_seconds": DRAWING_SECONDS,
        "is_part": is_part,
        "draw_url": request.build_absolute_uri(reverse("api:draw", args=[pk])),
    }
    if not is_part or not page.is_live:
        # Who waits asks again and again, and needs none of it; who asks for the last time does.
        content["owned"] = live_of_schedule(pk, user_id=user_id)
        around = date_in_concert(seen.facts.concert_id, pk)
        content |= {"concert": around.concert, "date": around.date, "other_dates": around.other_dates}
    return render(request, "queueing/_partials/place.html" if is_part else "queueing/waiting_room.html", content)


@private_page
def draw_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Where a fan's browser works the draw out again: of the place that the address names, or else of the live one.

    :raises NotFound: if there is no such schedule, or its concert was taken down and the fan never waited
    """
    seen, token = snapshot_of(pk), place_of(pk, user_id=fan_id(request), named=named_token(request))
    if not seen.facts.is_public and token is None:
        raise NotFound
    content = {
        "schedule": pk,
        "snapshot": seen,
        "token": token,
        # Whatever became of it, the number stays the one that was drawn.
        "page": replace(waiting_page(seen, token), number=token.number if token else None),
        "draw_url": request.build_absolute_uri(reverse("api:draw", args=[pk])),
    }
    return render(request, "queueing/draw_check.html", content)


def redirect_to_seats(schedule_id: int, *, is_part: bool) -> HttpResponse:
    """The way to the seats, for a browser or for the script, which would come in by following it unseen."""
    if is_part:
        return HttpResponse(status=204, headers={GO_HEADER: resolve_url("seats", pk=schedule_id)})
    return redirect("seats", pk=schedule_id)


def named_token(request: HttpRequest) -> UUID | None:
    """The token that the address names, so that the page can say how a visit ended."""
    try:
        return UUID(request.GET["token"])
    except (KeyError, ValueError):
        return None


@private_page
@verified
@throttled("join")
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Join the line; whose turn it is at once goes straight to the seats."""
    if request.method != "POST":
        return redirect("waiting_room", pk=pk)
    try:
        place = join_line(user_id=fan_id(request), schedule_id=pk)
    except (SaleNotOpen, SaleClosed, SoldOut) as refusal:
        seen = snapshot_of(pk)
        if not seen.facts.is_public:
            raise NotFound from refusal
        # The waiting room's page says it too, unless its snapshot is a second old.
        if seen.state not in {*ENDED, RoomState.UPCOMING}:
            messages.error(request, str(refusal.detail))
        return redirect("waiting_room", pk=pk)
    except Unavailable as error:
        response = render(request, "queueing/unavailable.html", {"schedule": pk}, status=503)
        response["Retry-After"] = str(retry_after(error.retry_after_seconds))
        return response
    if place.token.status == TokenStatus.ACTIVE:
        return redirect("seats", pk=pk)
    return redirect_to_place(place.token)


@private_page
@throttled("write")
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks whether the fan means it; POST leaves the line, or gives up the turn."""
    token = token_in_line(pk, user_id=fan_id(request))
    if token is None or token.status == TokenStatus.EXPIRED:
        return redirect("waiting_room", pk=pk)
    if request.method != "POST":
        return render(request, "queueing/leave.html", {"schedule": pk, "token": token})
    left, has_freed_a_slot = line.leave(user_id=fan_id(request), token=token.token)
    if has_freed_a_slot:
        slot_freed(pk)
    messages.success(request, _("You have left the line."))
    return redirect_to_place(left)


def redirect_to_place(token: TokenView) -> HttpResponse:
    """The waiting room at an address that names the token, so that the page can say later how the visit ended."""
    return redirect(reverse("waiting_room", args=[token.schedule_id], query={"token": token.token}))
