"""Refusals of the front itself, each in the shape of its address, without Django's handlers."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from concert_site.front.rsgi import Header, Scope
from concert_site.lib import metrics
from concert_site.lib.errors import Unavailable
from concert_site.lib.log_context import HEADER
from concert_site.lib.web.headers import security_headers
from concert_site.lib.web.middleware import language_by
from concert_site.lib.web.refusals import SERVER_ERRORS, json_refusal, retry_after, status_of_kind


@dataclass(frozen=True, slots=True)
class FrontRefusal:
    """What is answered in place of Django."""

    status: int
    code: str
    detail: str | Promise
    headers: tuple[Header, ...] = field(default=())


CLOSING = (("connection", "close"),)
MALFORMED = FrontRefusal(400, "malformed_request", _("The request can't be read."), CLOSING)
TOO_SLOW = FrontRefusal(408, "request_timeout", _("The request took too long to arrive."), CLOSING)
TOO_LARGE = FrontRefusal(413, "too_large", _("This request is too large."), CLOSING)
RETRY_AFTER = (("retry-after", str(retry_after(Unavailable.retry_after_seconds))),)
BUSY = FrontRefusal(status_of_kind(Unavailable), Unavailable.code, Unavailable.detail, RETRY_AFTER)
FAILED = FrontRefusal(500, "error", _("Something went wrong on our side"))


def rendered(refusal: FrontRefusal, scope: Scope, path: str, request_id: str = "") -> tuple[list[Header], bytes]:
    metrics.REFUSALS.add(refusal.code)
    with override(language_by(scope.headers.get("accept-language", ""), settings.LANGUAGE_CODE)):
        detail = str(refusal.detail)
    # Of plain text, which is no page; whether https was used is the proxy's to say.
    ours = security_headers("/healthz", is_secure=scope.scheme == "https")
    headers = [("cache-control", "no-store"), *refusal.headers, *((name.lower(), ours[name]) for name in ours)]
    if request_id:
        headers.append((HEADER, request_id))
    body = json_refusal(path, refusal.status, refusal.code, detail)
    if body is not None:
        return [("content-type", "application/json"), *headers], body
    if request_id and refusal.status >= SERVER_ERRORS:
        detail += f" ({request_id})"
    return [("content-type", "text/plain; charset=utf-8"), *headers], detail.encode()
