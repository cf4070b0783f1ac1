"""When each part of the machinery was last at work: it leaves a trace in Redis, and whoever asks reads its age.

The age is what is left of the trace's life in Redis, so that no two clocks are compared. Where the clock of Redis
itself was set back, a trace from before seems to live longer than any, and says nothing; the next one is right again.
"""

from redis import Redis

from concert_site.lib.redis import try_redis

# What beat notes of itself; tasks note their names.
BEAT = "beat"
KEEP_MS = 86_400_000
# PTTL rounds, and a trace may be read in the millisecond in which it was written.
ROUNDING_MS = 50


def heartbeat_key(name: str) -> str:
    return f"heartbeat:{name}"


def note(name: str) -> None:
    """Leave a trace; without Redis none is left."""
    try_redis(lambda redis: redis.set(heartbeat_key(name), 1, px=KEEP_MS), None)


def delete_heartbeats(*names: str) -> None:
    """Take traces away."""
    try_redis(lambda redis: redis.delete(*map(heartbeat_key, names)), None)


def ages(*names: str) -> dict[str, float | None] | None:
    """Seconds since each of these was last at work, None where there is no trace; None at all while Redis is away."""

    def step(redis: Redis) -> list[int] | None:
        with redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.pttl(heartbeat_key(name))
            left: list[int] = pipe.execute()
        return left

    left = try_redis(step, None)
    if left is None:
        return None
    return {name: age_of(left_ms) for name, left_ms in zip(names, left, strict=True)}


def age_of(left_ms: int) -> float | None:
    """The age in seconds of a trace that has so much left to live."""
    if left_ms < 0 or left_ms > KEEP_MS + ROUNDING_MS:
        return None
    return max(0, KEEP_MS - left_ms) / 1000
