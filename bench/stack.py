"""A throw-away Frontrow for a measurement: its own data directory, a free port, gone afterwards."""

import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import psutil
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from concert_site.embedded import postgres, redis, web
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.environment import prepared

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
API = "/api/v1/"
ANSWER_SECONDS = 10.0
# What a developer's terminal may hold, and what must not reach a throw-away site.
NOT_INHERITED = {
    "BROKER_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "JWT_PRIVATE_KEY",
    "DATA_DIR",
    "MODE",
    "PGHOST",
}


@dataclass(frozen=True)
class Fan:
    """One of make_fans."""

    id: int
    access_token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True)
class Show:
    """One of make_show."""

    schedule: int
    seats: list[int]


INSIDE = """
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at, updated_active_at,
                           entered_at, expired_at)
select fan, %(schedule)s, gen_random_uuid(), 'ACTIVE', n, now(), now(), now(), now() + interval '1 hour'
  from unnest(%(fans)s::bigint[]) with ordinality as q (fan, n)
returning user_id, token::text"""


@dataclass(frozen=True)
class Audience:
    """A show with a fan inside for each of its seats, who can pay for it."""

    show: Show
    fans: list[Fan]
    tokens: dict[int, str]

    def seated(self) -> Iterator[tuple[Fan, int]]:
        """Each fan with a seat; that of a list, which threads may share: one step of it is never interrupted."""
        return iter(list(zip(self.fans, self.show.seats, strict=True)))


@dataclass
class Stack:
    """A running site."""

    data_dir: Path
    port: int
    environment: Mapping[str, str]
    # The checkout that runs.
    root: Path = ROOT

    def begin(
        self, *words: str, environment: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:  # Any: subprocess's own
        """Begin a command of the site, with more in its environment."""
        command = [sys.executable, "manage.py", *words]
        full = {**self.environment, **(environment or {})}
        return subprocess.Popen(command, cwd=self.root, env=full, text=True, **options)

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:  # Any: as above
        """Run a command of the site to its end: its exit code, and what it said."""
        program = self.begin(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        stdout, stderr = program.communicate()
        return subprocess.CompletedProcess(program.args, program.returncode, stdout, stderr)

    def manage(self, *words: str) -> list[Any]:  # Any: whatever the command's JSON lines hold
        """Run a command that must succeed, and read the lines of JSON that it prints."""
        done = self.run(*words)
        if done.returncode:
            raise SystemExit(f"manage.py {words[0]}: {done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def make_show(self, **options: object) -> Show:
        """A show; `seats=100` becomes --seats=100."""
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        (made,) = self.manage("make_show", *words)
        return Show(made["schedule"], made["seats"])

    def make_fans(self, count: int, balance: int) -> list[Fan]:
        lines = self.manage("make_fans", str(count), f"--balance={balance}")
        return [Fan(line["id"], line["access_token"]) for line in lines]

    def make_audience(self, count: int) -> Audience:
        """A show of so many seats, and as many fans inside."""
        show = self.make_show(seats=count, max_active=1_000_000, price=1000)
        fans = self.make_fans(count, balance=1000)
        with self.connect() as connection:
            tokens = self.let_in(connection, show, fans)
            connection.execute("analyze waiting_token, concert_seat, balance, users")
        return Audience(show, fans, tokens)

    def let_in(self, connection: psycopg.Connection[Any], show: Show, fans: Sequence[Fan]) -> dict[int, str]:
        """Have all of these inside at once; their tokens by fan."""
        inside = {"schedule": show.schedule, "fans": [fan.id for fan in fans]}
        return dict(connection.execute(INSIDE, inside).fetchall())

    def launch(self, **options: Any) -> subprocess.Popen[str]:  # Any: as above
        """Start it; `wait_for_ready` waits until it serves."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL} | options
        return self.begin("up", f"--port={self.port}", **options)

    def passes_audit(self) -> bool:
        return self.run("audit").returncode == 0

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:  # Any: JSON
        """Ask the API, or another address that begins with "/": status and answer; 0, and why, if none came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        words = {"Content-Type": "application/json", **(headers or {})}
        try:
            connection.request(method, urljoin(API, path), None if body is None else json.dumps(body), words)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, repr(error)
        finally:
            connection.close()

    def connect(self) -> psycopg.Connection[Any]:  # Any: rows of any shape
        return psycopg.connect(self.database_url, autocommit=True)

    @property
    def database_url(self) -> str:
        return self.environment.get("DATABASE_URL") or postgres.url(DataDir(self.data_dir))

    @property
    def redis_url(self) -> str:
        return redis.url(DataDir(self.data_dir))

    def pid_of(self, name: str) -> int:
        started = json.loads((self.data_dir / "processes.json").read_text())
        return next(int(each["pid"]) for each in started if each["name"] == name)


S = TypeVar("S", bound=Stack)


@contextmanager
def throwaway(kind: Callable[[Path, int, dict[str, str]], S], **environment: str) -> Iterator[S]:
    """A site of its own data directory, still to be launched; by default with throttles off."""
    with tempfile.TemporaryDirectory(prefix="frontrow-bench-") as folder:
        # A PostgreSQL that root started runs as somebody else, who must be able to come by.
        Path(folder).chmod(0o711)
        data_dir = Path(folder) / "data"
        kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        full = (
            kept | {"MODE": "test", "DATA_DIR": str(data_dir), "THROTTLE": "off", "LOG_LEVEL": "WARNING"} | environment
        )
        yield kind(data_dir, free_port(), full)


@contextmanager
def running(**environment: str) -> Iterator[Stack]:
    # Whoever ends us ends the site too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with throwaway(Stack, **environment) as site, launched(site):
        yield site


@contextmanager
def launched(site: Stack, **options: Any) -> Iterator[subprocess.Popen[str]]:  # Any: subprocess's own
    """Start a site, wait until it serves, and stop it in the end."""
    up = site.launch(**options)
    try:
        wait_for_ready(up)
        yield up
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(PATIENCE_SECONDS)


def wait_for_ready(up: subprocess.Popen[str]) -> None:
    assert up.stdout is not None
    for line in up.stdout:
        if line.startswith("Ready:"):
            return
    raise SystemExit("The site did not start: try `manage.py up --demo`, which says why.")


@contextmanager
def domain_ready(site: Stack) -> Iterator[None]:
    """Load Django in this process over the services of a site, for calls of its domain without HTTP."""
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    os.environ.update(site.environment)
    with prepared(["manage.py", "audit"]):
        import django

        django.setup()
        try:
            yield
        finally:
            from django.db import connections

            connections.close_all()


@contextmanager
def resting(site: Stack, name: str) -> Iterator[None]:
    """Have one of a site's programs do nothing for the duration of the block."""
    program = psutil.Process(site.pid_of(name))
    program.suspend()
    try:
        yield
    finally:
        program.resume()


@contextmanager
def serving(stack: Stack, application: str, **environment: str) -> Iterator[tuple[int, psutil.Process]]:
    """Serve a WSGI application beside a site, under the same server with the same settings; its port and the server."""
    port = free_port()
    wsgi = {"interface": "wsgi", "blocking-threads": 3}
    argv = web.granian(web.Address("127.0.0.1", port), 2, application, **wsgi).argv
    server = subprocess.Popen(
        list(argv),
        cwd=ROOT,
        env={**stack.environment, **environment},
        stdout=subprocess.DEVNULL,
        # The server ends its workers by itself; a Ctrl-C is for us.
        start_new_session=True,
    )
    try:
        wait_for_port(port)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"Waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.05)


def wait_for_port(port: int) -> None:
    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_open, f"somebody listens on port {port}")


def free_port() -> int:
    return web.require_free(web.Address("127.0.0.1", 0)).port


def cpu_seconds(server: psutil.Process) -> float:
    """So far, of a process and of those below it that are there."""
    return sum(computed(each.pid) or 0.0 for each in [server, *server.children(recursive=True)])


def computed(pid: int) -> float | None:
    """CPU seconds of a process so far, None if it has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)


def machine(stack: Stack) -> str:
    with stack.connect() as connection:
        version = connection.info.server_version
    return (
        f"{psutil.cpu_count()} cores shared by load generator, web, PostgreSQL and Redis;"
        f" Python {platform.python_version()}, PostgreSQL {version // 10000}.{version % 100}"
    )


def one(connection: psycopg.Connection[Any], sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> Any:
    """The first column of the one row that a statement answers; Any: of its type."""
    row = connection.execute(sql, params).fetchone()
    if row is None:
        raise SystemExit(f"No row: {sql}")
    return row[0]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
