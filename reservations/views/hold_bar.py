"""The bar on every page that says what a fan holds, for how long, and leads to paying it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache

from concert_site.lib.web.pages import fan_id
from reservations.queries.held_now import HeldNow, held_now


def hold_bar(request: HttpRequest) -> dict[str, object]:
    """Context processor: what the fan holds, asked only by pages that show it; nobody who isn't logged in asks.

    A page that has the clock of a hold itself says so by a `hold_bar` of its own, which is None.
    """
    return {"hold_bar": SimpleLazyObject(lambda: held_by(request))}


def held_by(request: HttpRequest) -> HeldNow | None:
    """What whoever asks holds."""
    user = getattr(request, "user", None)
    return held_now(user_id=fan_id(request)) if user is not None and user.is_authenticated else None


@never_cache
def bar(request: HttpRequest) -> HttpResponse:
    """The bar alone, for a tab that was away meanwhile; empty where nothing is held, 401 where the session is over."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return render(request, "reservations/_partials/hold_bar.html")
