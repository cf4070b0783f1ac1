"""From a request of the web server (RSGI) to WSGI's environ, which Django's handlers read."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import IO, TYPE_CHECKING

from concert_site.front.rsgi import Scope

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# What is the same in every request.
BASE = {
    "SCRIPT_NAME": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
# Names that most requests carry; others are spelled anew each time, since a client may make up as many as it likes.
KNOWN = {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in (
        "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection", "cookie",
        "host", "idempotency-key", "if-none-match", "origin", "referer", "sec-fetch-dest", "sec-fetch-mode",
        "sec-fetch-site", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-queue-token", "x-session-token",
    )
} | {"content-type": "CONTENT_TYPE"}  # fmt: skip


def environ_of(scope: Scope, path: str, body: IO[bytes] | None, length: int) -> WSGIEnvironment:
    """WSGI's environ with the body at hand.

    Names with an underscore are left out: `X_Forwarded_For` would pass for the header that only a proxy of ours
    may set. A header that came twice is one with a comma, as RFC 9110 (5.3) has it.
    """
    environ: WSGIEnvironment = BASE.copy()
    host, _, port = scope.server.rpartition(":")
    environ["SERVER_NAME"] = host.strip("[]")
    environ["SERVER_PORT"] = port
    environ["REMOTE_ADDR"] = scope.client.rpartition(":")[0].strip("[]")
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = path if path.isascii() else path.encode().decode("latin-1")
    environ["QUERY_STRING"] = scope.query_string
    environ["wsgi.url_scheme"] = scope.scheme
    environ["wsgi.input"] = body or BytesIO()
    for name, value in scope.headers.items():
        key = KNOWN.get(name) or key_of(name)
        if key is None:
            continue
        if key in environ:
            environ[key] += ("; " if name == "cookie" else ",") + value
        else:
            environ[key] = value
    if length:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


def key_of(name: str) -> str | None:
    """The environ's name of a header; None for those that say how the body travelled, and for forged ones."""
    if "_" in name or name in ("content-length", "transfer-encoding"):
        return None
    return f"HTTP_{name.upper().replace('-', '_')}"
