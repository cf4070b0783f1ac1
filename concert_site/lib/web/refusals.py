"""Refusals outside DRF: in the API's shape for the API, in allauth's for its own, a page for people."""

import math

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from concert_site.lib import errors, metrics
from concert_site.lib.json import to_json
from concert_site.lib.log_context import request_id
from concert_site.lib.web.prefixes import ALLAUTH_API, API

SERVER_ERRORS = 500
# What may work a moment later as it stands.
PASSING = {429, 500, 503}
# And what works once the page was loaded anew.
CSRF_FAILED = "csrf_failed"

STATUS_OF = {
    errors.Invalid: 400,
    errors.PaymentRequired: 402,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}

# Of a form whose token is no longer good: nobody did anything that they may not.
EXPIRED_HEADING = _("This page has expired")
HEADINGS = {
    400: _("Invalid request"),
    402: _("Not enough in your wallet"),
    403: _("You don’t have access to this"),
    404: _("Page not found"),
    405: _("This kind of request isn’t supported here"),
    409: _("This isn’t possible right now"),
    429: _("Too many requests"),
    500: _("Something went wrong on our side"),
    503: _("We’ll be right back"),
}
GONE = _("This page doesn’t exist or was removed.")
FAILED = _(
    "Please try again in a moment. If it happens again, tell our staff the number below: it finds what went wrong."
)


def status_of(error: errors.DomainError) -> int:
    return status_of_kind(type(error))


def status_of_kind(kind: type[errors.DomainError]) -> int:
    """The HTTP status of a class of domain errors: its family's."""
    return next(STATUS_OF[family] for family in kind.__mro__ if family in STATUS_OF)


def refuse(
    request: HttpRequest, status: int, code: str, detail: str | Promise, *, again: str | None = None
) -> HttpResponse:
    """An answer with one error; `again` is where to go on, if not at the same address.

    From 500 on it asks nothing of database, session or user: they may be what failed.
    """
    metrics.REFUSALS.add(code)
    body = json_refusal(request.path, status, code, str(detail))
    if body is not None:
        return HttpResponse(body, status=status, content_type="application/json")
    # Every address that takes a form answers a read, too.
    again = again or (request.get_full_path() if status in PASSING else None)
    heading = EXPIRED_HEADING if code == CSRF_FAILED else HEADINGS[status]
    reference = request_id()
    # On a page "Not found." would only say its heading again, and so would that something went wrong.
    said = GONE if detail is errors.NotFound.detail else FAILED if status == SERVER_ERRORS and reference else detail
    words = {"status": status, "heading": heading, "detail": said, "again": again, "reference": reference}
    return HttpResponse(
        render_to_string("refusal.html", words, None if status >= SERVER_ERRORS else request), status=status
    )


def json_refusal(path: str, status: int, code: str, detail: str) -> bytes | None:
    """The body of a refusal by the API, or by allauth's in its own shape; None where people read."""
    if path.startswith(API):
        kind = "server_error" if status >= SERVER_ERRORS else "client_error"
        return to_json({"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]})
    if path.startswith(ALLAUTH_API):
        return to_json({"status": status, "errors": [{"code": code, "message": detail}]})
    return None


def refuse_as(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """The answer that a domain error stands for, and when to come back where that helps."""
    response = refuse(request, status_of(error), error.code, error.detail)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(retry_after(error.retry_after_seconds))
    return response


def retry_after(seconds: float) -> int:
    """Whole seconds, and never none: who comes back at once comes back in vain."""
    return max(1, math.ceil(seconds))
