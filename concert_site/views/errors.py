"""What Django answers when no view does."""

import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language_from_request, override
from django.utils.translation import gettext as _

from concert_site.lib.admin import staff_pages
from concert_site.lib.errors import TooManyRequests, Unavailable, as_domain_error
from concert_site.lib.web.pages import resume_address
from concert_site.lib.web.refusals import CSRF_FAILED, GONE, refuse, refuse_as


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself is suspicious, for example its Host; or a form is larger than what is read of one."""
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent | RequestDataTooBig):
        detail = _("This form is larger than what the site reads at once. Nothing was saved: send it in smaller parts.")
        return refuse(request, 400, "too_large", detail, again=request.get_full_path())
    return refuse(request, 400, "bad_request", _("This request can't be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 403, "permission_denied", _("You don’t have permission to do this."))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form of another site, or one whose cookie is gone (see settings.CSRF_FAILURE_VIEW)."""
    detail = _(
        "It was open for too long, you have logged in anew in another tab, or cookies are switched off. "
        "Nothing was done and no money moved: go on from here, what you chose is kept."
    )
    if may_send_again(request):
        return staff_pages.send_again(request)
    found = request.resolver_match
    again = resume_address(request, found.func, *found.args, **found.kwargs) if found else request.get_full_path()
    return refuse(request, 403, CSRF_FAILED, detail, again=again)


def may_send_again(request: HttpRequest) -> bool:
    """Whether this is a form of staff that our own page sent, with a token that is over.

    A browser says of a form which site's page sent it, and no page can have it say another. Passwords aren't repeated.
    """
    is_ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    # A form of anybody else isn't read for it.
    return staff_pages.is_by_staff(request) and is_ours and not any("password" in name for name in request.POST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 404, "not_found", GONE)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """429: allauth's limits (concert_site.urls.handler429)."""
    return refuse_as(request, TooManyRequests())


def server_error(request: HttpRequest) -> HttpResponse:
    """500; or 503 if a middleware met a database that is away, as where a session is saved after the view."""
    error = sys.exception()
    known = as_domain_error(error) if isinstance(error, Exception) else None
    # What broke may stand outside of the middleware that speaks the reader's language, or come before it.
    with override(getattr(request, "LANGUAGE_CODE", None) or get_language_from_request(request)):
        if isinstance(known, Unavailable):
            return refuse_as(request, known)
        return refuse(request, 500, "error", _("Something went wrong on our side. Please try again later."))
