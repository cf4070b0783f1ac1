"""What the front tells from the head of a request alone."""

from __future__ import annotations

import re

from django.conf import settings

from concert_site.front.handlers import ID, READS, VERSION
from concert_site.front.rsgi import Scope
from concert_site.front.snapshots import Key
from concert_site.lib.web.conditional import offers_gzip
from concert_site.lib.web.hosts import is_allowed
from concert_site.lib.web.prefixes import API_V1

PROGRESS = re.compile(rf"{API_V1}schedules/{ID}/queue/")
AVAILABILITY = re.compile(rf"{API_V1}schedules/{ID}/availability/(?P<since>since/{VERSION}/)?")


def is_progress(scope: Scope, path: str) -> bool:
    """Whether it reads the progress of a line, from us: others, Django says why not."""
    # The end first, which costs next to nothing.
    return path.endswith("/queue/") and scope.method in READS and bool(PROGRESS.fullmatch(path)) and is_welcome(scope)


def repeatable_key(scope: Scope) -> Key | None:
    """What an answer is kept under that is the same for everybody who asks so; None for all other answers."""
    if scope.method not in READS or "/availability/" not in scope.path:
        return None
    found = AVAILABILITY.fullmatch(scope.path)
    if found is None:
        return None
    is_packed = found["since"] is not None and offers_gzip(scope.headers.get("accept-encoding", ""))
    return f"{scope.path}gzip" if is_packed else scope.path, says_secure(scope)


def says_secure(scope: Scope) -> bool:
    """Whether the request came by https, as Django would judge it."""
    proxy = settings.SECURE_PROXY_SSL_HEADER
    if proxy is None:
        return scope.scheme == "https"
    said = scope.headers.get("x-forwarded-proto")
    return scope.scheme == "https" if said is None else said.split(",")[0].strip() == proxy[1]


def is_welcome(scope: Scope) -> bool:
    """Whether Django would look at this request: it knows the Host, and sends nobody to https."""
    is_ours = is_allowed(scope.headers.get("host", ""), *settings.ALLOWED_HOSTS)
    return is_ours and (not settings.SECURE_SSL_REDIRECT or says_secure(scope))
