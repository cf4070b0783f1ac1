"""The Celery application: worker and beat start from here."""

import logging
import os
import sys
from functools import cache
from typing import Any, cast

from celery import Celery, current_app
from celery.signals import beat_init, task_prerun, worker_init, worker_ready, worker_shutting_down
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from concert_site.embedded import stamps
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.notify import READY, STOPPING, Notifier
from concert_site.lib.database.connections import drop_dead_connection
from concert_site.lib.database.silence import watch_by_thread
from concert_site.lib.tasks import use_sender
from concert_site.operations import task_watch  # noqa: F401  it listens to Celery's signals

log = logging.getLogger(__name__)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")

app = Celery("frontrow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Of two that want a processor, one of this niceness gets about a quarter of the time.
NICENESS = 5
# Nobody waits for what is done here, and what is nightly would be lost for a day: so many times as long as in the web.
PATIENCE = 3


def database_url() -> str:
    return os.environ.get("DATABASE_URL") or str(settings.DEFAULT_DATABASE_URL)


@worker_init.connect
@beat_init.connect
def require_stamp(**signal: object) -> None:
    """End a worker or beat that was started by itself on a database of another mode."""
    try:
        stamps.require(database_url(), settings.MODE)
    except CannotStart as error:
        sys.exit(f"celery: {error}")


@worker_init.connect
@beat_init.connect
def watch_database(**signal: object) -> None:
    """Have no thread wait for ever on a PostgreSQL that is frozen, least of all the one that holds beat's lease."""
    watch_by_thread(PATIENCE * settings.DATABASE_SILENCE_SECONDS)


@worker_init.connect
def lower_priority(*, sender: Any, **signal: object) -> None:  # Any: Celery's worker
    """Lower the priority of workers that don't make lines move: mails and statistics come a moment later.

    Before the worker has threads, which take it over.
    """
    if "ticks" not in sender.app.amqp.queues.consume_from and hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), NICENESS))


@cache
def systemd() -> Notifier:
    """Made when it is needed: in a process of `manage.py up`, that speaks for all of them."""
    return Notifier()


@beat_init.connect
@worker_ready.connect
def notify_ready(**signal: object) -> None:
    """Let systemd say "active" only now."""
    systemd().tell(READY)


@worker_shutting_down.connect
def notify_stopping(**signal: object) -> None:
    """Its tasks may take a while yet."""
    systemd().tell(STOPPING)


class CelerySender:
    """Sends what the domain wants done soon."""

    def queue_of(self, task: str) -> str:
        """The queue that a task is sent to, unless told otherwise."""
        return cast("str", current_app.amqp.router.route({}, task)["queue"].name)

    def send(self, task: str, *, schedule_id: int | None) -> None:
        """Send it, once.

        :raises OSError: while the broker is away
        """
        arguments = {} if schedule_id is None else {"schedule_id": schedule_id}
        try:
            current_app.send_task(task, kwargs=arguments, retry=False)
        except (OperationalError, RedisError) as error:
            raise ConnectionError(str(error)) from error


use_sender(CelerySender())


@task_prerun.connect
def check_connection(**signal: object) -> None:
    """Begin each task on a connection that the server has not closed meanwhile, of a database that may be used.

    Another mode's gives it none (concert_site.lib.database.backend), and a worker leaves the queue to its owners.
    """
    drop_dead_connection()
    if stamps.is_unasked():
        try:
            stamps.require(database_url(), settings.MODE)
        except CannotStart as error:
            # Imported here because only workers have all of it loaded.
            from celery.worker import state

            log.critical("This worker ends: %s", error)
            state.should_terminate = os.EX_CONFIG  # type: ignore[assignment]  # its stubs know its first value alone
