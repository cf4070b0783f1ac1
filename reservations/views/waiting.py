"""The waiting room of a schedule: join the line, watch it move, leave it."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _

from concert_site.accounts.permissions import verified
from concert_site.lib.errors import NotFound, Unavailable
from concert_site.lib.web.pages import fan_id, fans_own, throttled
from concert_site.lib.web.refusals import retry_after
from queueing.domain import line, progress
from queueing.models import Status
from queueing.queries import TokenView, own_token, token_in_line
from reservations.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from reservations.domain.public_progress import DRAWING, PAUSED, Progress, progress_of
from reservations.domain.waiting_room import join as join_line
from reservations.domain.waiting_room import slot_freed, watched_progress
from reservations.queries import bookings, concerts
from reservations.queries.sales import SaleState, sale_of
from reservations.views.places import DRAWING_SECONDS, ENDED, NEAR_AHEAD, NEAR_MINUTES, Standing, standing_of

# While the room stands there, who is inside can choose seats. What a process knows of the draw may be a second old.
INSIDE = {SaleState.OPEN, SaleState.SOLD_OUT, PAUSED, DRAWING}
# Other dates that are still worth naming.
TO_BE_HAD = {SaleState.OPEN, SaleState.LOBBY, SaleState.UPCOMING}
# What the page's script sends to be answered with the place alone, and where it is told to go on to the seats.
PART_HEADER, GO_HEADER = "X-Part", "X-Go-To"


@fans_own
def waiting_room(request: HttpRequest, pk: int) -> HttpResponse:
    """The fan's place in line; whose turn it is goes on to the seats by itself. The script asks for the place alone."""
    try:
        seen = watched_progress(pk)
    except NotFound:
        return taken_down(request, pk)
    token = place_of(request, pk)
    if token is not None and token.status == Status.ACTIVE and seen.state in INSIDE:
        return on_to_the_seats(request, pk)
    return show(request, standing_of(token, seen))


def show(request: HttpRequest, standing: Standing) -> HttpResponse:
    """The page, or the place alone."""
    schedule_id = standing.seen.sale.schedule_id
    content: dict[str, object] = {
        "schedule": schedule_id,
        "seen": standing.seen,
        "token": standing.token,
        "wait": standing.wait,
        "standing": standing,
        "entry_seconds": settings.TOKEN_ENTRY_SECONDS,
        "drawing_seconds": DRAWING_SECONDS,
        "near_ahead": NEAR_AHEAD,
        "near_minutes": NEAR_MINUTES,
    }
    if standing.proof is not None:
        content["draw_url"] = request.build_absolute_uri(reverse("api:draw", args=[schedule_id]))
    if is_part(request):
        content["is_part"] = True
    if not is_part(request) or not standing.is_live:
        # Who waits asks again and again, and needs none of it; who asks for the last time does.
        content |= surroundings(standing.seen, user_id=fan_id(request))
    page = "reservations/_partials/waiting_place.html" if is_part(request) else "reservations/waiting.html"
    return render(request, page, content)


def is_part(request: HttpRequest) -> bool:
    """Whether the page's script asks, for the place alone."""
    return PART_HEADER in request.headers


def taken_down(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The page of a concert that was taken down: for who waited the sale is closed, for others there is no such page.

    :raises NotFound: for others
    """
    sale = sale_of(schedule_id)
    token = place_of(request, schedule_id)
    if sale is None or token is None:
        raise NotFound
    seen = Progress(SaleState.CLOSED, progress.line_of(schedule_id), sale, seats_left=0)
    return show(request, standing_of(token, seen))


def on_to_the_seats(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The way to the seats, for a browser or for the script, which would come in by following it unseen."""
    if is_part(request):
        return HttpResponse(status=204, headers={GO_HEADER: resolve_url("seats", pk=schedule_id)})
    return redirect("seats", pk=schedule_id)


def surroundings(seen: Progress, *, user_id: int) -> dict[str, object]:
    """What the whole page shows around the place: the concert with its other dates, and what the fan has already."""
    sale = seen.sale
    concert = concerts.public_concert(sale.concert_id)
    others = [each for each in concert.schedules if each.id != sale.schedule_id] if concert else []
    return {
        "concert": concert,
        "other_dates": [each for each in others if each.sale_state in TO_BE_HAD],
        "owned": bookings.live_of_schedule(sale.schedule_id, user_id=user_id),
    }


def place_of(request: HttpRequest, schedule_id: int) -> TokenView | None:
    """The fan's token of this schedule: the one that the address names, unless a live one has taken its place.

    One query while it lives. The address names it so that the page can say how a visit ended.
    """
    named = named_token(request, schedule_id)
    if named is not None and named.status != Status.EXPIRED:
        return named
    return token_in_line(schedule_id, user_id=fan_id(request)) or named


def named_token(request: HttpRequest, schedule_id: int) -> TokenView | None:
    """The fan's own token that the address names, if it does."""
    try:
        token = own_token(UUID(request.GET["token"]), user_id=fan_id(request))
    except (KeyError, ValueError, NotFound):
        return None
    return token if token.schedule_id == schedule_id else None


@fans_own
@verified
@throttled("join")
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Join the line; whose turn it is at once goes straight to the seats."""
    if request.method != "POST":
        return redirect("waiting_room", pk=pk)
    try:
        place = join_line(user_id=fan_id(request), schedule_id=pk)
    except (SaleNotOpen, SaleClosed, SoldOut) as refusal:
        # The waiting room's page says it too, unless its picture is a second old.
        if progress_of(pk).state not in {*ENDED, SaleState.UPCOMING}:
            messages.error(request, str(refusal.detail))
        return redirect("waiting_room", pk=pk)
    except Unavailable as error:
        response = render(request, "reservations/waiting_unavailable.html", {"schedule": pk}, status=503)
        response["Retry-After"] = str(retry_after(error.retry_after_seconds))
        return response
    if place.token.status == Status.ACTIVE:
        return redirect("seats", pk=pk)
    return to_the_place(place.token)


@fans_own
@throttled("write")
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks whether the fan means it; POST leaves the line, or gives up the turn."""
    token = token_in_line(pk, user_id=fan_id(request))
    if token is None or token.status == Status.EXPIRED:
        return redirect("waiting_room", pk=pk)
    if request.method != "POST":
        return render(request, "reservations/waiting_leave.html", {"schedule": pk, "token": token})
    left, has_freed_a_slot = line.leave(user_id=fan_id(request), token=token.token)
    if has_freed_a_slot:
        slot_freed(pk)
    messages.success(request, _("You have left the line."))
    return to_the_place(left)


def to_the_place(token: TokenView) -> HttpResponse:
    """The waiting room at an address that names the token, so that the page can say later how the visit ended."""
    return redirect(f"{resolve_url('waiting_room', pk=token.schedule_id)}?token={token.token}")
