"""The draw: by lot among all who waited when the sale opened, to be recomputed by anybody from what is published.

A fan's entry is a hash of the token, so that the list of entries gives no token away. The order is by a hash of the
seed and the entry; the seed is as old as the schedule, and its hash was shown to everyone who joined.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

import orjson

from concert_site.lib.database.statements import fetch_one, sql_beside
from concert_site.lib.redis import try_redis
from queueing.facts import DrawRecord

DRAW = "select drawn, late from draw_line(%(schedule)s::bigint, %(waits)s::boolean, %(now)s::timestamptz)"
BATCH = 10_000
# What was drawn stays so; Redis may forget what nobody asks for any more.
RECORD_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class DrawOutcome:
    """What one draw did: how many numbers it drew by lot, and how many fans came too late for that."""

    drawn: int
    late: int


def draw(schedule_id: int, *, waits: bool = False, now: datetime | None = None) -> DrawOutcome | None:
    """Draw the numbers of a schedule whose sale has opened: one round trip, all of it or nothing.

    None if there is nothing to do: it isn't due, is done, or is being done by somebody else, who is waited for if it
    `waits`. A million takes half a minute; whoever is killed in the middle leaves nothing behind, and the next draw
    comes to the same numbers.
    """
    row = fetch_one(DRAW, {"schedule": schedule_id, "waits": waits, "now": now})
    if row["drawn"] is None:
        return None
    # Of a database put back from a backup Redis may know another draw than this.
    try_redis(lambda redis: redis.delete(record_key(schedule_id)), 0)
    return DrawOutcome(**row)


def entries(schedule_id: int, *, opens_at: datetime) -> Iterator[bytes]:
    """The list of a draw, `number,entry` a line, by number: a piece of it at a time.

    `opens_at` is the opening that it was drawn for. Who came later has a number, but no entry.
    """
    first = 1
    while True:
        params = {"schedule": schedule_id, "opens_at": opens_at, "first": first, "last": first + BATCH - 1}
        piece = fetch_one(sql_beside(__file__, "draw_entries.sql"), params)
        if piece["lines"]:
            yield piece["lines"].encode()
        # Numbers that were drawn have no gaps.
        if piece["count"] < BATCH:
            return
        first += BATCH


def record_key(schedule_id: int) -> str:
    """Where the record of a schedule's draw is kept."""
    return f"queue:{schedule_id}:draw:1"


def record_of(schedule_id: int, *, opens_at: datetime) -> DrawRecord:
    """The record of a draw that is done. Reading a million entries takes seconds, so Redis remembers it."""
    return known_record(schedule_id) or make_record(schedule_id, opens_at=opens_at)


def known_record(schedule_id: int) -> DrawRecord | None:
    """The record as Redis remembers it, if it does."""
    kept = try_redis(lambda redis: redis.get(record_key(schedule_id)), None)
    return DrawRecord(**orjson.loads(kept)) if kept else None


def make_record(schedule_id: int, *, opens_at: datetime) -> DrawRecord:
    """The record from the table, left in Redis for everyone."""
    size, digest = 0, sha256()
    for lines in entries(schedule_id, opens_at=opens_at):
        size += lines.count(b"\n")
        digest.update(lines)
    record = DrawRecord(size, digest.hexdigest())
    try_redis(
        lambda redis: redis.set(record_key(schedule_id), orjson.dumps(asdict(record)), ex=RECORD_SECONDS),
        None,
    )
    return record
