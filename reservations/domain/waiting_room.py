"""The waiting room of a schedule: its sale's facts are read here, all the rest is queueing's."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import NotFound
from concert_site.lib.tasks import enqueue_soon
from queueing.domain import draw, line, snapshots, ticks
from queueing.domain.line import JoinAnswer
from queueing.facts import QueueSnapshot, SaleFacts, SaleState, TokenView
from reservations.queries.availability import FEW_SEATS, availability_of, room_for_fans
from reservations.queries.sales import facts_of, tick_facts_of

OF_THE_TOKEN = ("token", "status", "number", "created_at", "entered_at", "expired_at", "expired_reason")


def join(*, user_id: int, schedule_id: int, now: datetime | None = None) -> JoinAnswer:
    """Join the line of a schedule, or before the draw its lobby; a live token is answered again.

    One read, then whatever queueing's `join` does.

    :raises NotFound: if there is no such schedule
    :raises SaleNotOpen, SaleClosed, SoldOut: if there is nothing to wait for
    :raises Unavailable: while Redis is away and the fan has no token yet; the lobby needs none
    """
    seats, asked_at = availability_of(schedule_id), time.monotonic()
    # Near the end what was remembered of the seats may be wrong; asking walks the hall's seats.
    check_seats = not seats.is_sold_out and seats.seats_left < FEW_SEATS
    params = {"fan": user_id, "schedule": schedule_id, "check_seats": check_seats, "now": now}
    rows = fetch(sql_beside(__file__, "join_facts.sql"), params)
    if not rows:
        raise NotFound
    row = rows[0]
    has_lobby, has_free_slot = row.pop("has_lobby"), row.pop("has_free_slot")
    own = {name: row.pop(name) for name in OF_THE_TOKEN}
    live = TokenView(schedule_id=schedule_id, **own) if own["token"] else None
    row["is_sold_out"] = row["is_sold_out"] or seats.is_sold_out
    facts = SaleFacts(schedule_id=schedule_id, seats_left=seats.seats_left, seed=None, asked_at=asked_at, **row)
    if live is None and has_free_slot and facts.state_at(facts.read_at) is SaleState.OPEN:
        room = room_for_fans(schedule_id, facts.seats_left, cap=facts.max_active, now=now)
        facts = replace(facts, room=room)
    return line.join(facts, user_id=user_id, live=live, has_lobby=has_lobby, has_free_slot=has_free_slot, now=now)


def tick(schedule_id: int, *, now: datetime | None = None) -> int:
    """One step of a schedule's waiting room; how many came in."""
    facts = tick_facts_of(schedule_id, now=now)
    return 0 if facts is None else ticks.tick(facts, now=now)


def draw_line(schedule_id: int) -> bool:
    """Draw the numbers of a line whose sale has opened, and let the first in; whether this call drew them."""
    return ticks.draw_line(schedule_id, tick_facts_of)


def end_line(schedule_id: int) -> int:
    """End the line of a schedule whose sale is over, however long it is; return how many waited in it."""
    facts = facts_of(schedule_id)
    return 0 if facts is None else ticks.end_line(facts)


def record_draw(schedule_id: int) -> None:
    """Make the record of a schedule's draw, and show it."""
    facts = facts_of(schedule_id)
    if facts is not None and facts.drawn_at is not None:
        draw.record_of(schedule_id, opens_at=facts.opens_at)
        publish([schedule_id])


def snapshot_of(schedule_id: int) -> QueueSnapshot:
    """What is known of a waiting room; only what is public may be shown to everyone.

    :raises NotFound: if there is no such schedule
    """
    seen = snapshots.current(schedule_id, facts_of)
    if seen is None:
        raise NotFound
    return seen


def watched_snapshot(schedule_id: int) -> QueueSnapshot:
    """The same for pages and apps that ask for it again and again: where ticks are late, they do the work.

    So lines go on without beat and without workers, as long as anybody looks.

    :raises NotFound: if there is no such schedule
    """
    seen = snapshot_of(schedule_id)
    if seen.needs_a_stand_in and ticks.stand_in(seen, tick_facts_of):
        return snapshot_of(schedule_id)
    return seen


def publish(schedule_ids: Iterable[int]) -> None:
    """Let everyone see, and the line follow, what has just been changed about these schedules."""
    snapshots.publish(schedule_ids, facts_of)


def slot_freed(schedule_id: int) -> None:
    """A fan has paid or left: have the slot handed on at once rather than at the next second's tick."""
    enqueue_soon("reservations.tick_admission", schedule_id=schedule_id)
