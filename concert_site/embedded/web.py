"""The web server, worker and beat: their command lines, and whether the site answers."""

import http.client
import os
import resource
import socket
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from concert_site.embedded.errors import CannotStart
from concert_site.embedded.programs import Program

# How long a head may take to arrive, and a connection rest between two requests. Who waits at the end of a long line
# asks every 20 to 24 seconds and keeps the connection meanwhile.
HEAD_SECONDS = 30
# How long a head may be; every connection may keep so much in memory.
HEAD_BYTES = 65_536
# Connections, idle ones included, that one worker keeps open; those beyond wait in the kernel's queue. Far more
# than it can serve at once: fans who wait keep theirs open between two polls, and must not shut out the others.
CONNECTIONS = 8192
BACKLOG = 4096
# Open files that a worker needs for anything but connections.
OTHER_FILES = 256
# Threads for ticks, which are short: one a kind, and two for those that are enqueued besides the clock.
TICK_THREADS = 4
# Threads for everything else. What may take long is bounded by kind (limited_runs, single_run), and takes fewer in all.
TASK_THREADS = 12
PROBE_SECONDS = 5.0
# Its own lines as objects, with LOG_FORMAT=json. They come before the site is loaded, so the site's settings are late.
LOG_CONFIG = Path(__file__).with_name("granian_log.json")
LAST_PORT = 65_535


@dataclass(frozen=True)
class Address:
    """Where the site listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The site's front page, as one types it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def reachable_url(self) -> str:
        return Address(self.reachable_host, self.port).url

    @property
    def reachable_host(self) -> str:
        """A host that a connection can be made to: "all addresses" is none."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not bound here


def listens(pid: int, port: int) -> bool:
    """Whether a web server's processes have all loaded the site: each listens by itself, and only then."""
    try:
        workers = psutil.Process(pid).children()
        return bool(workers) and all(
            any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in worker.net_connections("inet"))
            for worker in workers
            if "resource_tracker" not in " ".join(worker.cmdline())
        )
    except psutil.Error:
        return False


def open_files() -> int:
    """How many files a process of ours may have open, once the limit is as high as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Often 1,024 for the sake of programs from the eighties, and half a million on request.
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def require_free(address: Address) -> Address:
    """Insist that nobody listens there yet; port 0 becomes one that is free.

    :raises CannotStart: naming the port, or the host that isn't ours
    """
    # The system would take it modulo 65,536, and we would listen where nobody looks.
    if not 0 <= address.port <= LAST_PORT:
        raise CannotStart(f"--port {address.port} is not a port: use one up to {LAST_PORT}, or 0 for any free one")
    try:
        family, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server does: connections that are being torn down are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen()
            return Address(address.host, probe.getsockname()[1])
    except OSError as error:
        raise CannotStart(
            f"port {address.port} on {address.host} can't be used ({error}): choose another with --port"
        ) from error


def web_program(address: Address, workers: int) -> Program:
    return granian(address, workers, "concert_site.rsgi:application")


def granian(address: Address, workers: int, application: str, **other: object) -> Program:
    """Granian with any application; its options are what the site needs, unless others are named."""
    options = {
        "interface": "rsgi",
        "host": address.host,
        "port": address.port,
        "workers": workers,
        # Nobody needs the second version without a proxy, and its many streams a connection are many ways to stall.
        "http": 1,
        "http1-header-read-timeout": HEAD_SECONDS * 1000,
        "http1-buffer-size": HEAD_BYTES,
        "backlog": BACKLOG,
        "backpressure": min(CONNECTIONS, open_files() - OTHER_FILES),
        "respawn-interval": 0.5,
        # A request that never ends must not keep the site from stopping.
        "workers-kill-timeout": 3,
    } | other
    if os.environ.get("LOG_FORMAT") == "json":
        options["log-config"] = LOG_CONFIG
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    flags = ("--respawn-failed-workers", "--no-ws")
    return Program(
        "web", (sys.executable, "-m", "granian", *words, *flags, application), is_loaded=True, has_secrets=True
    )


def ticks_program() -> Program:
    """The worker of the ticks alone: nothing else can keep its threads, so that lines move on."""
    return worker("ticks", TICK_THREADS, "ticks")


def worker_program() -> Program:
    return worker("worker", TASK_THREADS, "lines,celery")


def lines_program() -> Program:
    """What is long about lines alone: draws, and what comes of them."""
    return worker("lines", TASK_THREADS, "lines")


def tasks_program() -> Program:
    """What is neither: mails, refunds, what providers are asked, what is nightly."""
    return worker("tasks", TASK_THREADS, "celery")


def worker(name: str, threads: int, queues: str) -> Program:
    """A Celery worker: threads, since tasks wait for PostgreSQL rather than compute."""
    options = (
        "--pool=threads",
        f"--concurrency={threads}",
        f"--queues={queues}",
        # What is taken ahead of its turn is lost with a worker that is killed.
        "--prefetch-multiplier=1",
        "--loglevel=WARNING",
    )
    # None of them has anybody to talk to.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return Program(name, (*celery(), "worker", *options, *quiet), is_loaded=True, has_secrets=True)


def beat_program() -> Program:
    options = ("--max-interval=1", "--pidfile=", "--loglevel=WARNING")
    return Program("beat", (*celery(), "beat", *options), is_loaded=True, has_secrets=True)


def metrics_program() -> Program:
    """What tells metrics at METRICS_ADDRESS; apart from the web, whose threads may all be taken."""
    return Program(
        "metrics", (sys.executable, "-m", "concert_site.operations.metrics_server"), is_loaded=True, has_secrets=True
    )


def celery() -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--app=concert_site.celery:app", "--quiet")


def is_ready(address: Address) -> bool:
    try:
        with closing(
            http.client.HTTPConnection(address.reachable_host, address.port, timeout=PROBE_SECONDS)
        ) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
