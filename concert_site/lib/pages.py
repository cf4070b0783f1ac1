"""What the pages of every app share: who may see them, how often a form may be sent, and what is kept."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from concert_site.lib.errors import TooManyRequests
from concert_site.lib.throttling import is_within_budget, seconds_left

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]


def fan_id(request: HttpRequest) -> int:
    """Whose page this is, below `fans_own`."""
    return int(request.user.pk or 0)


def fans_own(view: Page[P]) -> Callable[..., HttpResponseBase]:
    """A page for who is logged in; others log in first, and come back to it.

    No cache keeps it, the browser's included, so that going back shows things as they are now.
    """

    @wraps(view)
    def never_kept(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return login_required(never_kept)


def throttled(scope: str) -> Callable[[Page[P]], Callable[..., HttpResponse]]:
    """Forms of this page share the budget that the API has for the same thing (throttling.LIMITS).

    Below `fans_own`: the budget is the account's.
    """

    def decorate(view: Page[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def within_budget(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "POST" and settings.THROTTLE and not is_within_budget(scope, f"u{fan_id(request)}"):
                error = TooManyRequests()
                error.retry_after_seconds = seconds_left()
                raise error
            return view(request, *args, **kwargs)

        return within_budget

    return decorate
