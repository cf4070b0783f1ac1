"""The map of a schedule: large, and the same for everybody until staff change it."""

import gzip
from collections.abc import Mapping

from concert_site.lib.cache import Memory
from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import NotFound
from concert_site.lib.redis import attempt
from reservations.models import ConcertSchedule
from reservations.queries.sales import Sale

# As staff once wrote it: whoever draws it judges what it holds.
Layout = Mapping[str, object]

# Raised when the shape of the answer changes, so that no copy of the old shape is taken for the new one.
SHAPE = 1
KEPT_SECONDS = 3600
# 5 packs a hall of 20,000 seats in half the time of 9 and loses a few percent of size.
LEVEL = 5

# A packed hall of 20,000 seats has some 600 kB, an unpacked one 3.6 MB: together at most some 60 MB a process.
_packed: Memory[bytes] = Memory(most=50)
_unpacked: Memory[bytes] = Memory(most=8)
# The little of a layout that a page beside the map needs.
_categories: Memory[dict[int, Layout]] = Memory(most=256)


def categories_of(schedules: Mapping[int, str]) -> dict[int, Layout]:
    """The categories of these schedules, given with the names of their layouts: at most one query an hour."""
    key = tuple(sorted(schedules.items()))
    return _categories.get(key, lambda: (_read_categories(schedules), KEPT_SECONDS))


def layout_name(sale: Sale) -> str:
    """What names this map for good, in every database: the seed is born with the schedule."""
    return f"{SHAPE}-{sale.seed_hash[:16]}-{sale.layout_version}"


def layout_of(sale: Sale) -> bytes:
    """The map as JSON."""
    return _unpacked.get(layout_name(sale), lambda: (gzip.decompress(packed_layout_of(sale)), KEPT_SECONDS))


def packed_layout_of(sale: Sale) -> bytes:
    """The map as JSON, compressed by gzip: once for all who ask."""
    return _packed.get(layout_name(sale), lambda: _stored_or_built(sale))


def _read_categories(schedules: Mapping[int, str]) -> dict[int, Layout]:
    found = ConcertSchedule.objects.filter(pk__in=schedules).values_list("pk", "layout__categories")
    return {schedule_id: {"categories": categories} for schedule_id, categories in found}


def _stored_or_built(sale: Sale) -> tuple[bytes, float]:
    key = f"layout:{layout_name(sale)}"
    stored = attempt(lambda redis: redis.get(key), None)
    if isinstance(stored, bytes):
        return stored, KEPT_SECONDS
    found_version, body = _read(sale.schedule_id)
    packed = gzip.compress(body, LEVEL, mtime=0)
    if found_version != sale.layout_version:
        # Changed since the facts were read; within a second it is asked for by its new name.
        return packed, 0
    attempt(lambda redis: redis.set(key, packed, ex=KEPT_SECONDS), None)
    return packed, KEPT_SECONDS


def _read(schedule_id: int) -> tuple[int, bytes]:
    rows = fetch(sql_beside(__file__, "layout.sql"), {"schedule_id": schedule_id})
    if not rows:
        raise NotFound
    return rows[0]["layout_version"], rows[0]["body"].encode()
