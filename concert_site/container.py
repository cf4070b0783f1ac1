"""What a container runs (`python -m concert_site.container web`): one process of the site in place of this one.

    web [--workers N] [--port P]         the web server
    ticks                                the worker that moves the lines, each second
    worker [--threads N] [--queues Q]    the worker of everything else
    beat                                 what sends the work
    metrics                              what tells what the processes that share its METRICS_DIR have counted
    healthy web|ticks|worker|beat        exit code 0 if that one, in this container, does its work
    anything else                        a command of manage.py: migrate, createsuperuser, audit...

The options are those of `manage.py up`. Settings are loaded first, so that a wrong one ends the container with a line
that names it, where a web server would start workers for ever.
"""

import argparse
import http.client
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from concert_site.embedded import web
from concert_site.embedded.errors import CannotStart

PORT = 8000
WEB_WORKERS = 2
# A trace of beat's is written each second, and one that waits for another's lease writes none.
BEAT_LATE_SECONDS = 60.0
ANSWER_SECONDS = 5
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def main(words: Sequence[str]) -> None:
    """Become what was asked for.

    :raises SystemExit: with one line that names the setting, if one can't work
    """
    name, *rest = words or ["web"]
    if name == "healthy":
        sys.exit(complaint_of(*rest))
    if name not in ROLES:
        argv: tuple[str, ...] = (sys.executable, str(MANAGE), name, *rest)
    else:
        argv = ROLES[name](rest)
        load_settings()
    os.execv(argv[0], argv)  # noqa: S606  nothing of it comes from a stranger


def load_settings() -> None:
    from concert_site.management.command_line import load_settings as load

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")
    try:
        load()
    except CannotStart as error:
        sys.exit(f"frontrow: {error}")


def web_argv(words: Sequence[str]) -> tuple[str, ...]:
    parser = argparse.ArgumentParser("web")
    parser.add_argument("--workers", type=int, default=WEB_WORKERS)
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args(words)
    return web.web_program(web.Address("0.0.0.0", asked.port), asked.workers).argv  # noqa: S104  the container's own


def ticks_argv(words: Sequence[str]) -> tuple[str, ...]:
    argparse.ArgumentParser("ticks").parse_args(words)
    return web.ticks_program().argv


def worker_argv(words: Sequence[str]) -> tuple[str, ...]:
    parser = argparse.ArgumentParser("worker")
    parser.add_argument("--threads", type=int, default=web.TASK_THREADS)
    parser.add_argument("--queues", default="lines,celery")
    asked = parser.parse_args(words)
    return web.worker("worker", asked.threads, asked.queues).argv


def beat_argv(words: Sequence[str]) -> tuple[str, ...]:
    argparse.ArgumentParser("beat").parse_args(words)
    return web.beat_program().argv


def metrics_argv(words: Sequence[str]) -> tuple[str, ...]:
    argparse.ArgumentParser("metrics").parse_args(words)
    return web.metrics_program().argv


def complaint_of(role: str = "web", port: str = str(PORT)) -> str | None:
    """What is wrong with a process of this container; None if nothing is.

    Neither PostgreSQL nor Redis being away is: who starts a process again because of that has two problems.
    """
    if role == "web":
        return complaint_of_web(int(port))
    load_settings()
    return complaint_of_beat() if role == "beat" else complaint_of_worker()


def complaint_of_web(port: int) -> str | None:
    """Whether it answers at all; a load balancer asks /readyz besides."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {error}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"port {port}: status {status}"


def complaint_of_worker() -> str | None:
    """Whether the worker on this host takes messages: its consumer is asked, through the broker."""
    # Celery takes a second to load; the web's probe does without.
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    from concert_site.celery import app

    node = f"celery@{socket.gethostname()}"
    try:
        found = app.control.ping(destination=[node], timeout=ANSWER_SECONDS, limit=1)
    except (OperationalError, RedisError, OSError):
        return None
    return None if found else f"{node} doesn't answer"


def complaint_of_beat() -> str | None:
    """Whether a beat sends work; this one, or the one whose lease it would take over."""
    from concert_site.lib import heartbeats

    found = heartbeats.ages(heartbeats.BEAT)
    if found is None:
        return None
    age = found[heartbeats.BEAT]
    if age is None or age > BEAT_LATE_SECONDS:
        return "no beat has sent anything for a minute"
    return None


ROLES: dict[str, Callable[[Sequence[str]], tuple[str, ...]]] = {
    "web": web_argv,
    "ticks": ticks_argv,
    "worker": worker_argv,
    "beat": beat_argv,
    "metrics": metrics_argv,
}


if __name__ == "__main__":
    main(sys.argv[1:])
