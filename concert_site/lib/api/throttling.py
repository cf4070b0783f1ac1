"""How often one caller may ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from redis import Redis
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from concert_site.lib.redis import attempt
from concert_site.lib.web.networks import network_of

if TYPE_CHECKING:
    # Importing it loads DRF's settings, which name this module: a cycle at start.
    from rest_framework.views import APIView

WINDOW_SECONDS = 60
# Requests a minute and caller. Writes of one kind share a budget; a view names its own as `throttle_scope`.
LIMITS = {"read": 600, "hold": 60, "pay": 60, "join": 120, "charge": 30, "write": 120, "search": 3000}


def count_up(redis: Redis, key: str) -> int:
    """Count one request in this window: one round trip, two for its first."""
    count = int(redis.incr(key))
    if count == 1:
        redis.expire(key, WINDOW_SECONDS)
    return count


def is_within_budget(scope: str, caller: str) -> bool:
    """Count one request of `caller` in `scope`, and whether it may pass. Open while Redis is away."""
    window = int(time.time() // WINDOW_SECONDS)
    count = attempt(lambda redis: count_up(redis, f"throttle:{scope}:{caller}:{window}"), 0)
    return count <= LIMITS[scope]


def seconds_left() -> float:
    """Seconds until the window ends."""
    return WINDOW_SECONDS - time.time() % WINDOW_SECONDS


class PerCaller(BaseThrottle):
    """A fixed window a minute, per account, or per address for who has none.

    Public reads that are answered from a cache have no throttle at all: a whole phone network may come
    from one address.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this request is within the caller's budget."""
        scope = getattr(view, "throttle_scope", None) or ("read" if request.method in ("GET", "HEAD") else "write")
        caller = f"u{request.user.pk}" if request.user.is_authenticated else f"a{self.get_ident(request)}"
        return is_within_budget(scope, caller)

    def get_ident(self, request: Request) -> str:
        """Who asks without an account, by network: a household's /64 would have a budget for each address in it."""
        return network_of(request)

    def wait(self) -> float:
        """Seconds until the window ends."""
        return seconds_left()
