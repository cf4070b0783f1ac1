"""The sale's background work. Nothing is wrong while none of it runs; it only tidies and hurries."""

import logging

from celery import shared_task
from django.db import Error

from concert_site.lib import heartbeats
from concert_site.lib.task_runs import is_repeated, limited_runs, single_run, single_task
from concert_site.lib.tasks import clear_pending
from queueing.queries import schedules_with_a_line
from reservations.domain import holds, named_holds, plan_uploads, posters, waiting_room

log = logging.getLogger(__name__)

# A large draw keeps one of the worker's threads for half a minute, the end of a large line for a minute. However many
# sales open or end at once, there are threads left for other work.
MOST_DRAWS, MOST_ENDS = 2, 2


@shared_task(name="reservations.tick_admission")
def tick_admission(schedule_id: int | None = None) -> None:
    """Move the line of one schedule on, or of every schedule that has one.

    Beat sends the latter every second. A tick that finds another at work leaves it at that, and so does one that comes
    at once after another: a worker that was away finds a minute's ticks, and has one second's work to do.
    """
    if schedule_id is not None:
        clear_pending(tick_admission.name, schedule_id=schedule_id)
        waiting_room.tick(schedule_id)
        return
    with single_run(tick_admission.name) as may_run:
        if may_run and not is_repeated():
            tick_all()
            heartbeats.note(tick_admission.name)


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
    clear_pending(draw_line.name, schedule_id=schedule_id)
    with limited_runs(MOST_DRAWS, draw_line.name) as may_draw:
        if not may_draw:
            return
        try:
            waiting_room.draw_line(schedule_id)
        except Error as error:
            log.warning("The draw of schedule %s waits for the next tick: %s", schedule_id, error)


@shared_task(name="reservations.end_line")
def end_line(schedule_id: int) -> None:
    """End a line whose sale is over; ticks ask for it until nobody waits. What is done is done, whatever comes next."""
    clear_pending(end_line.name, schedule_id=schedule_id)
    with (
        limited_runs(MOST_ENDS, end_line.name) as may_end,
        single_run(f"{end_line.name}:{schedule_id}") as may_run,
    ):
        if not (may_end and may_run):
            return
        try:
            waiting_room.end_line(schedule_id)
        except Error as error:
            log.warning("The end of the line of schedule %s waits for the next tick: %s", schedule_id, error)


@shared_task(name="reservations.record_draw")
def record_draw(schedule_id: int) -> None:
    """Make the record of a draw; whoever takes the public snapshot of the line asks for it until it is there."""
    clear_pending(record_draw.name, schedule_id=schedule_id)
    with single_run(record_draw.name) as may_run:
        if may_run:
            waiting_room.record_draw(schedule_id)


@single_task("reservations.tick_release")
def tick_release() -> None:
    """Return lapsed holds to sale, and seats of named holds whose end has come."""
    if not is_repeated():
        holds.release_lapsed()
        named_holds.release_ended()
        heartbeats.note(tick_release.name)


@single_task("reservations.clear_posters")
def clear_posters() -> None:
    """Delete the files of posters that no concert shows any more, and plans that nobody came back to import."""
    posters.clear_posters()
    plan_uploads.delete_old_uploads()
