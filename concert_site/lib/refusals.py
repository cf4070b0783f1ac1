"""Refusals outside DRF: in the API's shape for the API, a small page for people."""

import math

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise

from concert_site.lib.errors import Unavailable
from concert_site.lib.rendering import to_json

API = "/api/"
SERVER_ERRORS = 500


def refuse(request: HttpRequest, status: int, code: str, detail: str | Promise) -> HttpResponse:
    """An answer with one error. It asks nothing of database, session or user: they may be what failed."""
    if request.path.startswith(API):
        kind = "server_error" if status >= SERVER_ERRORS else "client_error"
        body = to_json({"type": kind, "errors": [{"code": code, "detail": str(detail), "attr": None}]})
        return HttpResponse(body, status=status, content_type="application/json")
    return HttpResponse(render_to_string("refusal.html", {"detail": detail}), status=status)


def refuse_for_now(request: HttpRequest, error: Unavailable) -> HttpResponse:
    """503, and when to come back."""
    response = refuse(request, 503, error.code, error.detail)
    response["Retry-After"] = str(retry_after(error.retry_after_seconds))
    return response


def retry_after(seconds: float) -> int:
    """Whole seconds, and never none: who comes back at once comes back in vain."""
    return max(1, math.ceil(seconds))
