"""How the line moves: what everyone may know, kept in Redis by whoever admits, read by everyone who polls."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from redis import Redis

from concert_site.lib.cache import TTLCache
from concert_site.lib.json import to_json
from concert_site.lib.redis import try_redis
from queueing.domain.counters import counter_key
from queueing.domain.measuring import Line, Samples, measure, sampled, speed_of

# How old a picture may be. Admission renews it every second; should nobody, whoever reads it takes a new one.
OLD_SECONDS = 1.5
# How long Redis keeps it beyond that, for the next one to go on from.
KEEP_MS = 600_000
# How long a process answers from its own memory; and how long where Redis has nothing for it.
GLANCE_SECONDS = 0.2
OWN_SECONDS = 1.0

# Two who renew a picture at once must not bring an older one back, nor lose what an admission has said meanwhile.
# A lower `serving` is right only where nobody has touched it since it was read (ARGV[4]).
SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'read_at', 'serving')
local ahead = tonumber(kept[1] or 0) - tonumber(ARGV[2])
local serving = ARGV[3]
if kept[2] and kept[2] ~= ARGV[4] and tonumber(kept[2]) > tonumber(serving) then serving = kept[2] end
redis.call('HSET', KEYS[1], 'serving', serving)
if ahead > 0 and ahead < 10 then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'read_at', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
STEP = """
local kept = redis.call('HGET', KEYS[1], 'serving')
if kept and tonumber(ARGV[1]) > tonumber(kept) then redis.call('HSET', KEYS[1], 'serving', ARGV[1]) end
"""
# What Redis says of a line that nobody took a picture of.
NOTHING: Any = ((None, None), 0, None)  # Any: Redis's answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What whoever takes a picture knows of the sale around the line.

    `facts` are kept beside the line, for those who understand them. They were heard when time.monotonic() stood at
    `heard_at` and the database's clock at `read_at`. `is_moving` says whether fans are let in, so that there is a
    speed to be measured, `may_count` whether there is time to walk along the line.
    """

    facts: dict[str, Any] = field(default_factory=dict)  # Any: JSON
    heard_at: float = field(default_factory=time.monotonic)
    read_at: float = field(default_factory=time.time)
    opens_in: float | None = None
    is_drawn: bool = False
    is_moving: bool = True
    may_count: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """A line with the facts beside it, as they were when time.monotonic() stood at `taken_at`."""

    line: Line
    samples: Samples
    facts: dict[str, Any]  # Any: JSON
    taken_at: float

    @property
    def is_old(self) -> bool:
        """Whether it should have been renewed by now."""
        return time.monotonic() - self.taken_at > OLD_SECONDS


def picture_key(schedule_id: int) -> str:
    """Where the picture of a schedule is kept."""
    # With the version of what is kept there, so that two releases side by side don't trip over each other.
    return f"queue:{schedule_id}:picture:2"


_looks: TTLCache[Picture | None] = TTLCache(most=1024)
_own: TTLCache[Line] = TTLCache(most=1024)
# What this process saw last, to go on from where Redis can't say.
_last: TTLCache[Line] = TTLCache(most=1024)


def look(schedule_id: int) -> Picture | None:
    """The picture as Redis has it, old or not, or as this process has just seen it there: at most one round trip."""
    return _looks.get_or_build(schedule_id, lambda: (kept_of(schedule_id), GLANCE_SECONDS))


def line_of(schedule_id: int) -> Line:
    """The line as anyone may see it: from memory, from Redis, or, at most once a second, from PostgreSQL."""
    picture = look(schedule_id)
    if picture is not None and not picture.is_old:
        return picture.line
    return _own.get_or_build(schedule_id, lambda: (_measured(schedule_id, picture), OWN_SECONDS))


def _measured(schedule_id: int, picture: Picture | None) -> Line:
    before = picture.line if picture else _last.get(schedule_id)
    line = measure(schedule_id, before, may_count=False)
    _last.set(schedule_id, line, KEEP_MS / 1000)
    return replace(line, opens_in=picture.line.opens_in if picture else None)


def kept_of(schedule_id: int) -> Picture | None:
    """The picture that Redis has at this moment."""
    asked_at = time.monotonic()

    def step(redis: Redis) -> Any:  # Any: Redis's answers
        with redis.pipeline(transaction=False) as pipe:
            pipe.hmget(picture_key(schedule_id), "body", "serving")
            pipe.pttl(picture_key(schedule_id))
            pipe.hget(counter_key(schedule_id), "number")
            return pipe.execute()

    (body, serving), left_ms, number = try_redis(step, NOTHING)
    if body is None:
        return None
    kept = orjson.loads(body)
    # Longer than any picture is kept: the clock of Redis was set back since, and the picture may be of any age.
    age = (KEEP_MS - left_ms) / 1000 + kept["age"] if left_ms <= KEEP_MS else OLD_SECONDS + kept["age"] + 1
    line = Line(**kept["line"])
    serving = int(serving)
    line = replace(
        line,
        serving=serving,
        # Numbers handed out since are seen at once, and whoever was called has one.
        last_number=max(line.last_number, serving, int(number or 0)),
        opens_in=None if line.opens_in is None else line.opens_in - age,
    )
    return Picture(line, kept["samples"], kept["facts"], asked_at - age)


def renew(schedule_id: int, around: Surroundings | None = None, before: Picture | None = None) -> Picture:
    """Take a new picture of the line and leave it in Redis for everyone; admission does after each step.

    `before` is what Redis had, where the caller has looked already.
    """
    around = around or Surroundings()
    before = before or kept_of(schedule_id)
    last = before.line if before else _last.get(schedule_id)
    line = measure(schedule_id, last, is_drawn=around.is_drawn, may_count=around.may_count)
    now = around.read_at
    # Where nobody is let in, what was measured before promises nothing.
    is_moving = around.is_moving and not line.has_lobby
    samples = sampled(before.samples if before else [], line, now) if is_moving else []
    line = replace(line, numbers_per_minute=speed_of(samples, line.serving, now), opens_in=around.opens_in)
    picture = Picture(line, samples, around.facts, around.heard_at)
    try_redis(lambda redis: save(redis, schedule_id, picture, around, last), None)
    _last.set(schedule_id, line, KEEP_MS / 1000)
    _looks.delete(schedule_id)
    return picture


def save(redis: Redis, schedule_id: int, picture: Picture, around: Surroundings, last: Line | None) -> None:
    """Leave a picture in Redis, unless it has a younger one by now."""
    body = {
        "line": picture.line,
        "samples": picture.samples,
        "facts": picture.facts,
        "age": time.monotonic() - picture.taken_at,
    }
    served = "" if last is None else str(last.serving)
    serving = str(picture.line.serving)
    redis.eval(SAVE, 1, picture_key(schedule_id), to_json(body), str(around.read_at), serving, served, str(KEEP_MS))


def admitted(schedule_id: int, serving: int | None) -> None:
    """Let everyone see at once how far an admission has come; the next picture has the rest."""
    if serving is not None:
        try_redis(lambda redis: redis.eval(STEP, 1, picture_key(schedule_id), str(serving)), None)
        _looks.delete(schedule_id)
