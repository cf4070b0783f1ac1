"""The waiting room's counters in Redis: a few fields a schedule, whatever the length of its line.

All of it can be rebuilt from PostgreSQL. Numbers must never be handed out twice or too low, so a counter is
good for one run of the Redis server only: after a restart, which may have lost the last second, it counts as
missing, and whoever meets it missing lifts it to PostgreSQL's maximum first.
"""

from typing import cast

from redis import Redis

from concert_site.lib.redis import demand
from queueing import queries

# A missing counter is never counted from zero: the answer is nil.
NEXT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', KEYS[1], 'run') ~= run then return nil end
return redis.call('HINCRBY', KEYS[1], 'number', 1)
"""
# Lifting keeps what another lift of the same run has counted meanwhile.
LIFT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local number = tonumber(ARGV[1])
if redis.call('HGET', KEYS[1], 'run') == run then
    number = math.max(number, tonumber(redis.call('HGET', KEYS[1], 'number')))
end
redis.call('HSET', KEYS[1], 'run', run, 'number', number)
return number
"""


def counter_key(schedule_id: int) -> str:
    """Where the last number of a schedule stands."""
    return f"queue:{schedule_id}:counter"


def next_number(schedule_id: int) -> int:
    """Hand out the next number of a schedule: one round trip, two more where the counter was missing.

    :raises Unavailable: while Redis is away
    """

    def step(redis: Redis) -> int | None:
        return cast("int | None", redis.eval(NEXT, 1, counter_key(schedule_id)))

    number = demand(step)
    while number is None:
        lift(schedule_id)
        number = demand(step)
    return number


def lift(schedule_id: int) -> None:
    """Bring the counter of a schedule to at least what PostgreSQL has seen.

    :raises Unavailable: while Redis is away
    """
    seen = queries.last_number(schedule_id)
    demand(lambda redis: redis.eval(LIFT, 1, counter_key(schedule_id), str(seen)))
