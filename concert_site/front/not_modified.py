"""304s of answers that change each second: who has the current version hears so without a thread and without Django."""

from __future__ import annotations

import re
import time

from django.http import HttpResponseBase

from concert_site.front.handlers import API, READS
from concert_site.front.responses import headers_of
from concert_site.front.rsgi import Scope
from concert_site.front.snapshots import MOST_KEPT, Key, Snapshot, repeated

AVAILABILITY = re.compile(rf"{API}schedules/[0-9]{{1,18}}/availability/")


class CurrentVersions:
    """What Django last answered to a read, as a 304, for as long as the view said that it is good."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[float, Snapshot]] = {}

    def find(self, key: Key, if_none_match: str) -> Snapshot | None:
        """The 304 for who sends this If-None-Match; None if Django must be asked."""
        good_until, current = self._kept.get(key, (0.0, None))
        if current is None or time.monotonic() >= good_until or not current.is_named_by(if_none_match):
            return None
        return current

    def remember(self, key: Key, response: HttpResponseBase) -> None:
        """Keep the version of an answer of Django's, if the view said how long it is good. From any thread."""
        good_until, etag = getattr(response, "good_until", None), response.get("ETag")
        if good_until is None or etag is None:
            return
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        headers = repeated(headers_of(response))
        self._kept[key] = good_until, Snapshot(304, headers, b"", etag, time.monotonic())


def is_repeatable(scope: Scope) -> bool:
    """Whether a 304 to this request may be repeated: a read of availability, the same for everybody."""
    return scope.method in READS and AVAILABILITY.fullmatch(scope.path) is not None
