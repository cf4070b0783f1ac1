"""How often one caller of the API may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from concert_site.lib.rate_limits import is_within_limit, seconds_left
from concert_site.lib.web.networks import caller_of

if TYPE_CHECKING:
    # Importing it loads DRF's settings, which name this module: a cycle at start.
    from rest_framework.views import APIView


class CallerThrottle(BaseThrottle):
    """A fixed window a minute, per account, or per network for who has none.

    Public reads that are answered from a cache have no throttle at all: a whole phone network may come
    from one address.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = getattr(view, "throttle_scope", None) or ("read" if request.method in ("GET", "HEAD") else "write")
        return is_within_limit(scope, caller_of(request))

    def wait(self) -> float:
        return seconds_left()
