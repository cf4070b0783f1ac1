"""How the line moves: what everyone may know, kept in Redis by whoever admits, read by everyone who polls."""

import time
from dataclasses import asdict, dataclass, replace

import orjson
from redis import Redis

from concert_site.lib.cache import Memory
from concert_site.lib.redis import attempt
from queueing import queries
from queueing.domain.counters import counter_key

# How long a picture in Redis is good for. Admission renews it every second; should nobody, whoever reads
# it next takes a new one from PostgreSQL.
PICTURE_SECONDS = 3
# How long a process answers from its own memory.
GLANCE_SECONDS = 0.2
# Speed is measured over the last three minutes, and not before ten seconds of them have passed.
SPEED_WINDOW_SECONDS = 180
SPEED_SAMPLE_SECONDS = 5
SPEED_MIN_SECONDS = 10
# Counting the line costs a walk along it, so the walk may take a fiftieth of the time at most.
COUNT_SHARE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """The line of a schedule. A fan is at most `number - serving` from the front."""

    serving: int
    last_number: int
    waiting: int
    numbers_per_minute: float | None = None
    # Whether somebody waits without a number, for the draw.
    has_lobby: bool = False
    # When and how the line was last counted, so that it is not walked again too soon.
    counted: int = 0
    counted_at: float = 0.0
    counted_serving: int = 0
    counted_last: int = 0
    count_seconds: float = 0.0


def picture_key(schedule_id: int) -> str:
    # With the version of what is kept there, so that two releases side by side don't trip over each other.
    return f"queue:{schedule_id}:line:1"


def samples_key(schedule_id: int) -> str:
    return f"queue:{schedule_id}:speed"


_glances: Memory[Line] = Memory()


def line_of(schedule_id: int) -> Line:
    """The line as anyone may see it: this process's memory, then Redis, then PostgreSQL.

    While Redis is away PostgreSQL is asked at most once a second in each process and schedule.
    """
    return _glances.get(schedule_id, lambda: _look(schedule_id))


def _look(schedule_id: int) -> tuple[Line, float]:
    answer = attempt(lambda redis: redis.mget(picture_key(schedule_id)), None)
    if answer is None:
        return measure(schedule_id, None), 1.0
    if answer[0] is None:
        return renew(schedule_id), GLANCE_SECONDS
    line = Line(**orjson.loads(answer[0]))
    counter = attempt(lambda redis: redis.hget(counter_key(schedule_id), "number"), None)
    return replace(line, last_number=max(line.last_number, int(counter or 0))), GLANCE_SECONDS


def renew(schedule_id: int, *, is_paused: bool = False) -> Line:
    """Take a new picture of the line and leave it in Redis for everyone; admission calls it after each tick.

    A pause ends the measuring of the speed: what was measured before it promises nothing.
    """
    kept = attempt(lambda redis: redis.get(picture_key(schedule_id)), None)
    line = measure(schedule_id, Line(**orjson.loads(kept)) if kept else None)
    if is_paused:
        attempt(lambda redis: redis.delete(samples_key(schedule_id)), None)
        speed = None
    else:
        speed = attempt(lambda redis: _speed(redis, schedule_id, line.serving), None)
    line = replace(line, numbers_per_minute=speed)
    attempt(
        lambda redis: redis.set(picture_key(schedule_id), orjson.dumps(asdict(line)), ex=PICTURE_SECONDS),
        None,
    )
    _glances.forget_one(schedule_id)
    return line


def admitted(schedule_id: int, serving: int | None) -> None:
    """Let everyone see at once how far an admission has come; the next picture has the rest."""

    def step(redis: Redis) -> None:
        kept = redis.get(picture_key(schedule_id))
        if kept is None or serving is None:
            return
        line = Line(**orjson.loads(kept))
        moved = replace(line, serving=max(line.serving, serving), last_number=max(line.last_number, serving))
        redis.set(picture_key(schedule_id), orjson.dumps(asdict(moved)), ex=PICTURE_SECONDS)

    attempt(step, None)
    _glances.forget_one(schedule_id)


def measure(schedule_id: int, before: Line | None) -> Line:
    """The line from PostgreSQL: two looks at the ends of an index, and now and then a count.

    Everyone below the first who waits has been served or has left. Between two counts the number of the
    waiting is carried forward by what came and went at the ends.
    """
    last = queries.last_number(schedule_id)
    first = queries.first_waiting(schedule_id)
    serving = last if first is None else first - 1
    if before is not None:
        serving = max(serving, min(before.serving, last))
    if before is not None and time.time() - before.counted_at < COUNT_SHARE * before.count_seconds:
        moved = (last - before.counted_last) - (serving - before.counted_serving)
        waiting = max(0, min(before.counted + moved, last - serving))
        return replace(before, serving=serving, last_number=last, waiting=0 if first is None else waiting)
    began = time.perf_counter()
    counted = 0 if first is None else queries.count_waiting(schedule_id)
    return Line(
        serving=serving,
        last_number=last,
        waiting=counted,
        counted=counted,
        counted_at=time.time(),
        counted_serving=serving,
        counted_last=last,
        count_seconds=time.perf_counter() - began,
    )


def _speed(redis: Redis, schedule_id: int, serving: int) -> float | None:
    """Numbers a minute over the last minutes: `serving` now against the oldest sample that is kept."""
    now = time.time()
    key = samples_key(schedule_id)
    samples: list[tuple[float, int]] = [orjson.loads(sample) for sample in redis.lrange(key, 0, -1)]
    recent = [(at, number) for at, number in samples if now - at <= SPEED_WINDOW_SECONDS]
    if not recent or now - recent[-1][0] >= SPEED_SAMPLE_SECONDS:
        with redis.pipeline() as pipe:
            pipe.rpush(key, orjson.dumps((now, serving)))
            pipe.ltrim(key, -(SPEED_WINDOW_SECONDS // SPEED_SAMPLE_SECONDS), -1)
            pipe.expire(key, SPEED_WINDOW_SECONDS)
            pipe.execute()
    if not recent or now - recent[0][0] < SPEED_MIN_SECONDS:
        return None
    began, number = recent[0]
    return round(max(0.0, serving - number) / (now - began) * 60, 1)
