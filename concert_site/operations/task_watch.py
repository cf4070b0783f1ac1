"""What is noted of each task: in the log whose it is, for Prometheus how long it took and what came of it."""

import time
from contextvars import Token
from typing import Any

from celery import Task, states
from celery.signals import beat_init, before_task_publish, task_postrun, task_prerun, worker_init
from django.conf import settings

from concert_site.lib import log_context, metrics
from concert_site.lib.log_context import LogContext
from concert_site.operations import telemetry

# In the headers of a message: the number of the request that asked for it.
REQUEST_ID = "request_id"
OUTCOMES = {states.SUCCESS: "done", states.RETRY: "again", states.IGNORED: "left"}
FAILED = "failed"
# What names a schedule in the arguments of a task.
SCHEDULE = "schedule_id"
# When each began that is at work, and how its thread forgets it.
_at_work: dict[str, tuple[Token[LogContext | None], float]] = {}


def begin_counting(role: str) -> None:
    if settings.HAS_METRICS:
        metrics.begin(role, settings.METRICS_DIR)
    telemetry.begin(role)


@worker_init.connect
def on_worker(*, sender: Any, **signal: object) -> None:  # Any: Celery's worker
    """Count what this worker does, under the name of what it works for."""
    begin_counting("ticks" if "ticks" in sender.app.amqp.queues.consume_from else "worker")


@beat_init.connect
def on_beat(**signal: object) -> None:
    """Count what beat sends."""
    begin_counting("beat")


@before_task_publish.connect
def pass_on_request(*, headers: dict[str, Any] | None = None, **signal: object) -> None:  # Any: Celery's headers
    """Have the worker know which request asked for it."""
    request_id = log_context.request_id()
    if request_id is not None and headers is not None:
        headers[REQUEST_ID] = request_id


@task_prerun.connect
def on_start(*, task_id: str, task: Task[..., Any], kwargs: dict[str, Any] | None = None, **signal: object) -> None:
    """Have the log say which task is at work in this thread."""
    # With the message itself, or where it was run without one.
    asked_by = task.request.get(REQUEST_ID) or (task.request.headers or {}).get(REQUEST_ID)
    work = LogContext(asked_by, task=task.name, task_id=task_id)
    work.schedule_id = (kwargs or {}).get(SCHEDULE)
    _at_work[task_id] = log_context.begin(work), time.perf_counter()


@task_postrun.connect
def on_end(*, task_id: str, task: Task[..., Any], state: str | None = None, **signal: object) -> None:
    """Count it. Any: what the task takes and answers."""
    token, began = _at_work.pop(task_id)
    metrics.TASKS.add(task.name, OUTCOMES.get(state or "", FAILED))
    metrics.TASK_SECONDS.observe(time.perf_counter() - began, task.name)
    log_context.end(token)
