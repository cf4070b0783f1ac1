"""What the pages of every app share: who may see them, how often a form may be sent, and what is kept."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from concert_site.lib.errors import TooManyRequests
from concert_site.lib.idempotency import request_hash
from concert_site.lib.rate_limits import is_within_limit, seconds_left
from concert_site.lib.web.networks import caller_of

P = ParamSpec("P")
V = TypeVar("V", bound=Callable[..., object])
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]


def fan_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)


def private_page(view: Page[P]) -> Callable[..., HttpResponseBase]:
    """A page for who is logged in; others log in first, and come back to it.

    No cache keeps it, the browser's included, so that going back shows things as they are now.
    """

    page = never_cache(view)
    readable = login_required(page)

    @wraps(view)
    def for_who_is_logged_in(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST" or request.user.is_authenticated:
            return readable(request, *args, **kwargs)
        messages.warning(
            request, _("You were logged out, so nothing was done and no money moved. Log in to go on where you were.")
        )
        return redirect_to_login(resume_address(request, view, *args, **kwargs))

    return for_who_is_logged_in


def resumes_at(find: Callable[Concatenate[HttpRequest, P], str]) -> Callable[[V], V]:
    """Where a fan goes on whose form got lost, with its session or its token: an address that has what they chose.

    Below `private_page`, whose view it marks. Nothing that is found so changes anything: it is an address to be read.
    """

    def decorate(view: V) -> V:
        view.resume_address = find  # type: ignore[attr-defined]  # found again by resume_address
        return view

    return decorate


def resume_address(request: HttpRequest, view: Callable[..., object], *args: object, **kwargs: object) -> str:
    """Where a fan goes on after a form of this page got lost: the page itself, unless it said otherwise."""
    find = getattr(view, "resume_address", None)
    return str(find(request, *args, **kwargs)) if find else request.get_full_path()


def check_rate_limit(scope: str, caller: str) -> None:
    """Count one request in the budget that the API has for the same thing (rate_limits.LIMITS).

    :raises TooManyRequests: if it is used up
    """
    if not is_within_limit(scope, caller):
        error = TooManyRequests()
        error.retry_after_seconds = seconds_left()
        raise error


def throttled(scope: str) -> Callable[[Page[P]], Callable[..., HttpResponse]]:
    """Forms of this page share the budget that the API has for the same thing (rate_limits.LIMITS).

    Below `private_page`: the budget is the account's.
    """

    def decorate(view: Page[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def within_budget(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "POST":
                check_rate_limit(scope, caller_of(request))
            return view(request, *args, **kwargs)

        return within_budget

    return decorate


def new_form_key() -> str:
    """A name for one form on one page as it was shown: what is sent twice by a double click carries the same."""
    return uuid4().hex


def idempotency_key(request: HttpRequest, **content: object) -> str:
    """The idempotency key of the form that was sent: of its hidden field `key`, and of what was filled in.

    Another choice in the same form, after going back, is another request. A hash has the length that a key may
    have, whatever somebody sends. A form without a key was never shown by us, and each is one of its own.
    """
    return request_hash({"form": request.POST.get("key") or new_form_key(), **content})


def next_url(request: HttpRequest) -> str | None:
    """Where the sent or asked-for `next` leads, if that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if is_ours else None
