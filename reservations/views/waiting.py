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
from queueing.models import Status
from queueing.page import DRAWING_SECONDS, ENDED, WaitingPage, waiting_page
from queueing.queries import place_of, token_in_line
from reservations.domain.waiting_room import join as join_line
from reservations.domain.waiting_room import slot_freed, snapshot_of, watched_snapshot
from reservations.queries import bookings, concerts

# What the page's script sends to be answered with the place alone, and where it is told to go on to the seats.
PART_HEADER, GO_HEADER = "X-Part", "X-Go-To"


@private_page
def waiting_room(request: HttpRequest, pk: int) -> HttpResponse:
    """The fan's place in line; whose turn it is goes on to the seats by itself. The script asks for the place alone.

    :raises NotFound: if there is no such schedule, or its concert was taken down and the fan never waited: for who
        did, the sale is closed
    """
    named, seen = named_token(request), watched_snapshot(pk)
    token = place_of(pk, user_id=fan_id(request), named=named)
    if not seen.facts.is_public and token is None:
        raise NotFound
    if token is not None and token.status == Status.ACTIVE and seen.is_for_choosing and seen.facts.is_public:
        return on_to_the_seats(request, pk)
    return show(request, waiting_page(seen, token))


def show(request: HttpRequest, page: WaitingPage) -> HttpResponse:
    """The page, or the place alone."""
    schedule_id = page.snapshot.facts.schedule_id
    content: dict[str, object] = {
        "schedule": schedule_id,
        "snapshot": page.snapshot,
        "token": page.token,
        "page": page,
        "entry_seconds": settings.TOKEN_ENTRY_SECONDS,
        "drawing_seconds": DRAWING_SECONDS,
        "is_part": is_part(request),
        "draw_url": request.build_absolute_uri(reverse("api:draw", args=[schedule_id])),
    }
    if not is_part(request) or not page.is_live:
        # Who waits asks again and again, and needs none of it; who asks for the last time does.
        content |= around(page, user_id=fan_id(request))
    template = "queueing/_partials/place.html" if is_part(request) else "queueing/waiting_room.html"
    return render(request, template, content)


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


def is_part(request: HttpRequest) -> bool:
    """Whether the page's script asks, for the place alone."""
    return PART_HEADER in request.headers


def on_to_the_seats(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The way to the seats, for a browser or for the script, which would come in by following it unseen."""
    if is_part(request):
        return HttpResponse(status=204, headers={GO_HEADER: resolve_url("seats", pk=schedule_id)})
    return redirect("seats", pk=schedule_id)


def around(page: WaitingPage, *, user_id: int) -> dict[str, object]:
    """What the whole page shows around the place: the concert with its dates, and what the fan has already."""
    facts = page.snapshot.facts
    concert = concerts.public_concert(facts.concert_id)
    dates = concert.schedules if concert else []
    return {
        "concert": concert,
        "date": next((each for each in dates if each.id == facts.schedule_id), None),
        "other_dates": [each for each in concerts.to_be_had(dates) if each.id != facts.schedule_id],
        "owned": bookings.live_of_schedule(facts.schedule_id, user_id=user_id),
    }


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
    if place.token.status == Status.ACTIVE:
        return redirect("seats", pk=pk)
    return to_the_place(place.token)


@private_page
@throttled("write")
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks whether the fan means it; POST leaves the line, or gives up the turn."""
    token = token_in_line(pk, user_id=fan_id(request))
    if token is None or token.status == Status.EXPIRED:
        return redirect("waiting_room", pk=pk)
    if request.method != "POST":
        return render(request, "queueing/leave.html", {"schedule": pk, "token": token})
    left, has_freed_a_slot = line.leave(user_id=fan_id(request), token=token.token)
    if has_freed_a_slot:
        slot_freed(pk)
    messages.success(request, _("You have left the line."))
    return to_the_place(left)


def to_the_place(token: TokenView) -> HttpResponse:
    """The waiting room at an address that names the token, so that the page can say later how the visit ended."""
    return redirect(f"{resolve_url('waiting_room', pk=token.schedule_id)}?token={token.token}")
