"""Answers that change each second and many ask for: given again without a thread while they are good.

Of availability the 304, for who has the current version; of what changed since a version all of it, a few letters.
"""

from __future__ import annotations

import re
import time
from typing import cast

from django.http import HttpResponse, HttpResponseBase

from concert_site.front.handlers import ID, READS, VERSION
from concert_site.front.responses import headers_of
from concert_site.front.rsgi import Scope
from concert_site.front.snapshots import MOST_KEPT, OK, Key, Snapshot, repeated
from concert_site.lib.web.conditional import offers_gzip
from concert_site.lib.web.prefixes import API_V1

AVAILABILITY = re.compile(rf"{API_V1}schedules/{ID}/availability/(?P<since>since/{VERSION}/)?")


class CurrentVersions:
    """What Django last answered to a read, for as long as the view said that it is good."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[float, Snapshot]] = {}

    def find(self, key: Key, if_none_match: str | None) -> Snapshot | None:
        """What can be given again to who sends this If-None-Match; None if Django must be asked."""
        good_until, current = self._kept.get(key, (0.0, None))
        if current is None or time.monotonic() >= good_until:
            return None
        if current.status == OK or (if_none_match is not None and current.is_named_by(if_none_match)):
            return current
        return None

    def remember(self, key: Key, response: HttpResponseBase) -> None:
        """Keep an answer of Django's, if the view said how long it is good. From any thread.

        One with a version is kept as its 304: its body is long, and who has another version gets it from Django.
        """
        good_until, etag = getattr(response, "good_until", None), response.get("ETag")
        if good_until is None:
            return
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        headers, now = headers_of(response), time.monotonic()
        if etag is not None:
            self._kept[key] = good_until, Snapshot(304, repeated(headers), b"", etag, now)
        elif response.status_code == OK:
            self._kept[key] = good_until, Snapshot(OK, headers, cast("HttpResponse", response).content, None, now)


def key_of(scope: Scope, *, is_secure: bool) -> Key | None:
    """What an answer is kept under that is the same for everybody who asks so; None for all other answers."""
    if scope.method not in READS:
        return None
    found = AVAILABILITY.fullmatch(scope.path)
    if found is None:
        return None
    is_packed = found["since"] is not None and offers_gzip(scope.headers.get("accept-encoding", ""))
    return f"{scope.path}gzip" if is_packed else scope.path, is_secure
