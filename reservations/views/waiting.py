"""The waiting room of a schedule: join the line, watch it move, leave it."""

from dataclasses import dataclass
from math import ceil
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from concert_site.lib.errors import NotFound, Unavailable
from concert_site.lib.pages import fan_id, fans_own, throttled
from concert_site.lib.refusals import retry_after
from queueing.domain import line
from queueing.domain.pace import estimated_wait, most_ahead, poll_after
from queueing.models import Status
from queueing.queries import TokenView, own_token, token_in_line
from reservations.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from reservations.domain.public_progress import PAUSED, Progress, progress_of
from reservations.domain.waiting_room import join as join_line
from reservations.domain.waiting_room import slot_freed
from reservations.queries import bookings, catalogue
from reservations.queries.sales import SaleState

# While the sale stands there, who is inside can choose seats.
INSIDE = {SaleState.OPEN, SaleState.SOLD_OUT, PAUSED}
# While it stands there, it pays to wait.
WORTH_WAITING = {SaleState.OPEN, PAUSED}
# An opening further away is better told by its date.
A_DAY = 86_400
# A page that is asked for whole, without JavaScript, leaves time to read it and to press its buttons.
WHOLE_PAGE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Wait:
    """A place in line as its fan sees it: how many are ahead at most, and the minutes left if they are known."""

    number: int
    ahead: int
    minutes: int | None
    poll_after: float
    has_too_few_seats: bool

    @property
    def refresh_after(self) -> int:
        """Seconds after which a browser without JavaScript asks again."""
        return max(WHOLE_PAGE_SECONDS, ceil(self.poll_after))

    @property
    def about_ahead(self) -> int:
        """`ahead` with one leading digit: what is worth saying aloud changes seldom."""
        step: int = 10 ** (len(str(self.ahead)) - 1)
        return self.ahead // step * step


def wait_of(token: TokenView, seen: Progress) -> Wait | None:
    """The wait of a fan who waits; None for everybody else, and once there is nothing to wait for."""
    if token.status != Status.WAITING or token.number is None or seen.state not in WORTH_WAITING:
        return None
    ahead = most_ahead(token.number, seen.line)
    speed = None if seen.state == PAUSED else seen.line.numbers_per_minute
    seconds = estimated_wait(ahead, speed)
    return Wait(
        number=token.number,
        ahead=ahead,
        minutes=None if seconds is None else ceil(seconds / 60),
        poll_after=poll_after(ahead),
        has_too_few_seats=seen.seats_left <= ahead,
    )


@fans_own
def waiting_room(request: HttpRequest, pk: int) -> HttpResponse:
    """The fan's place in line; whose turn it is goes on to the seats by itself. htmx asks for the place alone."""
    seen = progress_of(pk)
    token = place_of(request, pk)
    if token is not None and token.status == Status.ACTIVE and seen.state in INSIDE:
        return on_to_the_seats(request, pk)
    place: dict[str, object] = {
        "schedule": pk,
        "seen": seen,
        "token": token,
        "wait": wait_of(token, seen) if token else None,
        "is_paused": seen.state == PAUSED,
        "is_worth_joining": seen.state in WORTH_WAITING,
    }
    asked_by_htmx = request.htmx  # type: ignore[attr-defined]  # django_htmx's middleware adds it
    if not asked_by_htmx or place["wait"] is None:
        # Who waits asks again and again, and needs none of it; who asks for the last time does.
        place |= surroundings(seen, user_id=fan_id(request))
    page = "reservations/_partials/waiting_line.html" if asked_by_htmx else "reservations/waiting.html"
    return render(request, page, place)


def on_to_the_seats(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The way to the seats, for a browser or for htmx."""
    address = resolve_url("seats", pk=schedule_id)
    asked_by_htmx = request.htmx  # type: ignore[attr-defined]  # as above
    return HttpResponseClientRedirect(address) if asked_by_htmx else HttpResponseRedirect(address)


def surroundings(seen: Progress, *, user_id: int) -> dict[str, object]:
    """What the whole page shows around the place: the concert with its other dates, and what the fan has already."""
    sale = seen.sale
    concert = catalogue.listing_of(sale.concert_id)
    others = [show for show in concert.schedules if show.id != sale.schedule_id] if concert else []
    opens_in = ceil((sale.reservation_available_at - sale.now()).total_seconds())
    return {
        "concert": concert,
        "other_dates": [show for show in others if show.sale_state in {SaleState.OPEN, SaleState.UPCOMING}],
        "opens_in": opens_in if 0 < opens_in <= A_DAY else None,
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
@throttled("join")
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Join the line; whose turn it is at once goes straight to the seats."""
    if request.method != "POST":
        return redirect("waiting_room", pk=pk)
    try:
        place = join_line(user_id=fan_id(request), schedule_id=pk)
    except (SaleNotOpen, SaleClosed, SoldOut) as refusal:
        # The waiting room's page says it too, unless its picture is a second old.
        if progress_of(pk).state in WORTH_WAITING:
            messages.error(request, str(refusal.detail))
        return redirect("waiting_room", pk=pk)
    except Unavailable as error:
        response = render(request, "reservations/waiting_unavailable.html", {"schedule": pk}, status=503)
        response["Retry-After"] = str(retry_after(error.retry_after_seconds))
        return response
    return redirect("seats" if place.token.status == Status.ACTIVE else "waiting_room", pk=pk)


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
    return redirect(f"{resolve_url('waiting_room', pk=pk)}?token={left.token}")
