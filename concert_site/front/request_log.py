"""What is noted of each request that a thread answers: its number, how long it took, and what came of it."""

from __future__ import annotations

import logging
import time
from contextvars import Token

from django.conf import settings
from django.http import HttpResponseBase

from concert_site.lib import log_context, metrics
from concert_site.lib.log_context import HEADER, LogContext
from concert_site.lib.web.headers import stored_headers
from concert_site.operations import telemetry

log = logging.getLogger("frontrow.request")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Of what no view answers: files, and addresses that don't exist.
FILES = {"static": "static", "media": "media"}
UNKNOWN = "unknown"
FAILED = 500
# A header of ours as Django keeps it.
SHOWN_NAME = "X-Request-Id"


class RequestLog:
    """One request from the end of its body to its answer. Entered by the thread that has it answered."""

    __slots__ = ("_above", "_began", "_method", "_path", "_span", "_status", "_token", "_work", "request_id")

    def __init__(self, request_id: str, method: str, path: str, above: str | None = None) -> None:
        """:param above: the span of who asked, as `traceparent` has it"""
        self.request_id, self._method, self._path, self._above = request_id, method, path, above
        self._began = time.perf_counter()
        self._status = FAILED
        self._work = LogContext(request_id)
        self._token: Token[LogContext | None] | None = None

    def __enter__(self) -> None:
        self._token = log_context.begin(self._work)
        self._span = telemetry.begin_request(self._method, self._above)

    def note(self, response: HttpResponseBase) -> None:
        """Take note of the answer, and give it the number of its request."""
        self._status = response.status_code
        stored_headers(response)[HEADER] = (SHOWN_NAME, self.request_id)

    def __exit__(self, *_error: object) -> None:
        seconds = time.perf_counter() - self._began
        work = self._work
        # A path need not begin with a slash: `OPTIONS *` has none, nor has what CONNECT names.
        work.route = route = work.route or FILES.get(self._path.removeprefix("/").partition("/")[0], UNKNOWN)
        method = self._method if self._method in METHODS else UNKNOWN
        metrics.REQUESTS.add(route, method, str(self._status))
        metrics.REQUEST_SECONDS.observe(seconds, route)
        if settings.LOG_REQUESTS:
            facts = {"method": method, "status": self._status, "milliseconds": round(seconds * 1000, 1)}
            log.info("%s %s %s", method, route, self._status, extra=facts)
        if self._span is not None:
            self._span.end(method=method, route=route, status=self._status, request_id=self.request_id)
        assert self._token is not None  # noqa: S101  it was entered
        log_context.end(self._token)
