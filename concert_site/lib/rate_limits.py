"""How often one caller may ask, by the API or by a page. Counted in Redis; open while it is away."""

import time

from django.conf import settings

from concert_site.lib.redis import try_redis

WINDOW_SECONDS = 60
# Requests a minute and caller. Writes of one kind share a budget; a view names its own as `throttle_scope`.
# "look_up": of one top-up, how often its page has the provider asked how it stands; "webhook": how many unsigned
# messages about it are kept.
LIMITS = {
    "read": 600,
    "hold": 60,
    "pay": 60,
    "join": 120,
    "charge": 30,
    "withdraw": 10,
    "look_up": 30,
    "webhook": 20,
    "write": 120,
    "search": 3000,
}

COUNT_UP = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


def is_within_limit(scope: str, caller: str) -> bool:
    """Count one request of `caller` in `scope`, and whether it may pass; it may without THROTTLE, and without Redis."""
    if not settings.THROTTLE:
        return True
    key = f"throttle:{scope}:{caller}:{int(time.time() // WINDOW_SECONDS)}"
    count = try_redis(lambda redis: redis.eval(COUNT_UP, 1, key, str(WINDOW_SECONDS)), 0)
    return int(count) <= LIMITS[scope]


def seconds_left() -> float:
    return WINDOW_SECONDS - time.time() % WINDOW_SECONDS
