"""The waiting room's counters in Redis: a few fields a schedule, whatever the length of its line.

All of it can be rebuilt from PostgreSQL. Numbers must never be handed out twice or too low, so a counter is
good for one run of the Redis server only: after a restart, which may have lost the last second, it counts as
missing, and whoever meets it missing lifts it to PostgreSQL's maximum first.
"""

from typing import cast

from redis import Redis

from concert_site.lib.redis import require_redis
from queueing.models import WaitingToken

# Where the last number of a schedule stands.
COUNTER_KEY = "queue:%s:counter"
# A missing counter is never counted from zero: the answer is nil.
NEXT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', KEYS[1], 'run') ~= run then return nil end
return redis.call('HINCRBY', KEYS[1], 'number', 1)
"""
# What a lift begins with. It goes with the counter, and is of one run as well: whoever finds it again at the end knows
# that Redis was not lost meanwhile.
MARK = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local mark = redis.call('HGET', KEYS[1], 'mark')
if mark and string.find(mark, run, 1, true) == 1 then return mark end
local time = redis.call('TIME')
mark = run .. ' ' .. time[1] .. '.' .. time[2]
redis.call('HSET', KEYS[1], 'mark', mark)
return mark
"""
# Lifting keeps what another lift of the same run has counted meanwhile. A lift that was overtaken by a loss of Redis
# is refused: what it has read may lie below numbers that were handed out since.
LIFT = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local mark = redis.call('HGET', KEYS[1], 'mark')
if mark ~= ARGV[2] or string.find(mark, run, 1, true) ~= 1 then return 0 end
local number = tonumber(ARGV[1])
if redis.call('HGET', KEYS[1], 'run') == run then
    number = math.max(number, tonumber(redis.call('HGET', KEYS[1], 'number')))
end
redis.call('HSET', KEYS[1], 'run', run, 'number', number)
return 1
"""


def next_number(schedule_id: int) -> int:
    """Hand out the next number of a schedule: one round trip, two more where the counter was missing.

    :raises Unavailable: while Redis is away
    """

    def step(redis: Redis) -> int | None:
        return cast("int | None", redis.eval(NEXT, 1, COUNTER_KEY % schedule_id))

    number = require_redis(step)
    while number is None:
        lift(schedule_id)
        number = require_redis(step)
    return number


def lift(schedule_id: int) -> None:
    """Bring the counter of a schedule to at least what PostgreSQL has seen.

    :raises Unavailable: while Redis is away
    """
    is_done = False
    # Again only if Redis was lost in between.
    while not is_done:
        mark = begin_lift(schedule_id)
        is_done = end_lift(schedule_id, seen=last_number(schedule_id), mark=mark)


def begin_lift(schedule_id: int) -> bytes:
    """The mark of this life of the counter, before PostgreSQL is asked.

    :raises Unavailable: while Redis is away
    """
    return cast("bytes", require_redis(lambda redis: redis.eval(MARK, 1, COUNTER_KEY % schedule_id)))


def end_lift(schedule_id: int, *, seen: int, mark: bytes) -> bool:
    """Lift the counter to what was seen in PostgreSQL; false if Redis was lost since the lift began.

    :raises Unavailable: while Redis is away
    """
    return bool(require_redis(lambda redis: redis.eval(LIFT, 1, COUNTER_KEY % schedule_id, str(seen), mark)))


def last_number(schedule_id: int) -> int:
    """The highest number handed out for a schedule, as far as PostgreSQL knows; 0 before the first."""
    line = WaitingToken.objects.filter(concert_schedule_id=schedule_id)
    # By the unique index on (schedule, number), from its end: the same cost for every length of the line.
    return line.order_by("-number").filter(number__isnull=False).values_list("number", flat=True).first() or 0
