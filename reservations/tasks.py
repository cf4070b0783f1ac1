"""The sale's background work. Nothing is wrong while none of it runs; it only tidies and hurries."""

import logging
from threading import BoundedSemaphore

from celery import shared_task
from django.db import Error

from concert_site.lib.tasks import alone, begun
from reservations.domain import holds, posters, public_progress, waiting_room
from reservations.queries.entrance import schedules_with_a_line

log = logging.getLogger(__name__)

# A large draw keeps one of the worker's threads for half a minute; however many sales open at once, lines move on.
draws = BoundedSemaphore(2)


@shared_task(name="reservations.tick_admission")
def tick_admission(schedule_id: int | None = None) -> None:
    """Move the line of one schedule on, or of every schedule that has one.

    Beat sends the latter every second. A tick that finds another at work leaves it at that.
    """
    if schedule_id is not None:
        begun("reservations.tick_admission", schedule_id=schedule_id)
        waiting_room.tick(schedule_id)
        return
    with alone("reservations.tick_admission") as is_alone:
        if is_alone:
            tick_all()


def tick_all() -> None:
    """Move every line on; the trouble of one schedule is not the others'."""
    for each in schedules_with_a_line():
        try:
            waiting_room.tick(each)
        except Error as error:
            log.warning("The line of schedule %s waits for the next tick: %s", each, error)


@shared_task(name="reservations.draw_line")
def draw_line(schedule_id: int) -> None:
    """Draw the numbers of a line; ticks ask for it until it is done."""
    begun("reservations.draw_line", schedule_id=schedule_id)
    if not draws.acquire(blocking=False):
        return
    try:
        waiting_room.draw_line(schedule_id)
    except Error as error:
        log.warning("The draw of schedule %s waits for the next tick: %s", schedule_id, error)
    finally:
        draws.release()


@shared_task(name="reservations.record_draw")
def record_draw(schedule_id: int) -> None:
    """Make the record of a draw; whoever takes the public picture of the line asks for it until it is there."""
    with alone(f"reservations.record_draw:{schedule_id}", seconds=60) as is_alone:
        if is_alone:
            public_progress.record_draw(schedule_id)


@shared_task(name="reservations.tick_release")
def tick_release() -> None:
    """Return lapsed holds to sale."""
    with alone("reservations.tick_release") as is_alone:
        if is_alone:
            holds.release_lapsed()


@shared_task(name="reservations.clear_posters")
def clear_posters() -> None:
    """Delete the files of posters that no concert shows any more."""
    posters.clear_posters()
