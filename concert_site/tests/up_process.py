"""A real `manage.py up`, or any command, as a process of its own for tests."""

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import psutil

from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.locks import FileLock
from concert_site.embedded.modes import TEST

# What the tests' own environment prepared, and what a developer's may hold.
PREPARED = [
    *("ALLOWED_HOSTS", "DATA_DIR", "JWT_PRIVATE_KEY", "MODE", "PGHOST", "REDIS_URL", "SECRET_KEY"),
    # And `make test-pooler`.
    *("DATABASE_POOLER", "DATABASE_URL", "DIRECT_DATABASE_URL", "PREPARE_STATEMENTS"),
]
# For `manage.py shell -c`: where PostgreSQL keeps its data.
SHOW_FOLDER = (
    "from django.db import connection; cursor = connection.cursor();"
    "cursor.execute('SHOW data_directory'); print(*cursor.fetchone())"
)
# On a machine that has much else to do.
PATIENCE_SECONDS = 120.0
# For sites where hashing passwords is not the subject.
QUICK = {"DJANGO_SETTINGS_MODULE": "concert_site.tests.quick_settings"}
# What the first start of a site does before it serves.
PREPARE = """
from django.core.management import call_command
from django.db import connection
from concert_site.lib.web.static import collect_changed
call_command("migrate", verbosity=0)
collect_changed()
# The mode of the first site on a copy is the one that it belongs to.
with connection.cursor() as cursor:
    cursor.execute("comment on table django_migrations is null")
"""
# Reads command lines, one of JSON each, and answers each with what it printed; see `Console`.
READ_COMMANDS = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from traceback import format_exc
from django.core.management import call_command
from django.db import connections
from concert_site.lib.cache import clear_caches
for line in sys.stdin:
    error = None
    with redirect_stdout(StringIO()) as printed:
        try:
            call_command(*json.loads(line))
        except (Exception, SystemExit):
            error = format_exc()
    # The next one is to begin as a process of its own would.
    connections.close_all()
    clear_caches()
    print(json.dumps([printed.getvalue(), error]), flush=True)
"""


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment of someone who has just opened a terminal, and what they set there."""
    kept = {name: value for name, value in os.environ.items() if name not in PREPARED and "PYTEST" not in name}
    return kept | changes


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that takes its time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)


class Console:
    """One process for all the commands that tests give a site: loading Django takes longer than most of them."""

    def __init__(self, data_dir: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v0", "-c", READ_COMMANDS],
            cwd=PROJECT,
            env=environment | {"DATA_DIR": str(data_dir)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str]) -> str:
        """What a command prints."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(words), file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, f"{words} takes more than {PATIENCE_SECONDS} s"
        printed, error = json.loads(self._process.stdout.readline())
        assert error is None, error
        return str(printed)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE_SECONDS)


@cache
def template_of_sites() -> Path:
    """Beside the databases of the run, which its workers share, and later ones with the same migrations and files."""
    # It waits by `wait_until` as well.
    from concert_site.lib.web.static import fingerprint
    from concert_site.tests.template_database import template_name

    return Path(os.environ["DATA_DIR"]) / f"template-{template_name()}-{fingerprint()}"


def provide_cluster(data_dir: Path, mode: str) -> None:
    """Put a migrated PostgreSQL cluster into a new data directory, and where a site collects static files (not in
    MODE=test) these: copies of what the first run with the same migrations and files makes.
    """
    template = template_of_sites()
    lock = FileLock(template.parent / "template-site.lock")
    wait_until(lock.try_exclusive, "another worker makes the template", 2 * PATIENCE_SECONDS)
    try:
        if not template.exists():
            for old in template.parent.glob("template-*[!k]"):
                shutil.rmtree(old)
            draft = template.with_suffix(".new")
            done = manage("shell", "-v0", "-c", PREPARE, MODE="test", DATA_DIR=str(draft))
            assert done.returncode == 0, done.stderr
            draft.rename(template)
    finally:
        lock.close()
    with DataDir(data_dir).being_set_up():
        pass
    # As it is, whoever it belongs to: root's PostgreSQL runs as another account.
    copied = ["postgres"] if mode == TEST else ["postgres", "static"]
    subprocess.run(["cp", "-a", *(template / name for name in copied), data_dir], check=True)


class Up:
    """A running `up`, in MODE=test unless told otherwise.

    Its database has been migrated already, unless `is_new` asks for the first start of all or there is one.
    """

    def __init__(
        self,
        data_dir: Path,
        *words: str,
        port: int | None = None,
        is_new: bool = False,
        name: str = "",
        **environment: str,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.environment = clean_environment(**{"MODE": "test", **environment})
        self._console: Console | None = None
        if not (is_new or data_dir.exists() or "DATABASE_URL" in environment):
            provide_cluster(data_dir, self.environment["MODE"])
        # Files, not pipes: nobody needs to read along, and what orphans hold open can't block a test.
        self.stdout = data_dir.with_suffix(f".{name}stdout")
        self.stderr = data_dir.with_suffix(f".{name}stderr")
        with self.stdout.open("w") as stdout, self.stderr.open("w") as stderr:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "manage.py",
                    "up",
                    f"--data-dir={data_dir}",
                    f"--port={self.port}",
                    "--workers=1",
                    *words,
                ],
                cwd=PROJECT,
                env=self.environment,
                stdout=stdout,
                stderr=stderr,
            )

    @property
    def url(self) -> str:
        """The address of the site."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ready_line(self) -> str:
        """What it prints when it is ready."""
        return f"Ready: {self.url}"

    def wait_ready(self, seconds: float = PATIENCE_SECONDS) -> "Up":
        """Wait for that line."""
        try:
            wait_until(self._has_spoken, "up gets ready", seconds)
            assert self.ready_line in self.stdout.read_text().splitlines(), self.stderr.read_text()
        except BaseException:
            # Its fixture comes to no end that would stop it.
            self.discard()
            raise
        return self

    def _has_spoken(self) -> bool:
        return self.process.poll() is not None or self.ready_line in self.stdout.read_text().splitlines()

    def answers(self) -> bool:
        """Whether the site serves a request."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def command(self, *words: str) -> str:
        """What a command prints that runs beside it, in one process with the others."""
        self._console = self._console or Console(self.data_dir, self.environment)
        return self._console.run(words)

    def pids(self) -> dict[str, int]:
        """Its children by name."""
        return {one["name"]: one["pid"] for one in json.loads((self.data_dir / "processes.json").read_text())}

    def everybody(self) -> list[psutil.Process]:
        """It, and all processes below it."""
        itself = psutil.Process(self.process.pid)
        return [itself, *itself.children(recursive=True)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def complaint(self) -> list[str]:
        """What it says on standard error before it gives up by itself."""
        assert self.process.wait(PATIENCE_SECONDS) != 0
        return self.stderr.read_text().splitlines()

    def discard(self) -> None:
        """Leave nothing of it behind, whatever the test did to it."""
        if self._console:
            self._console.close()
        if self.process.poll() is None:
            everybody = self.everybody()
            self.process.send_signal(signal.SIGTERM)
            psutil.wait_procs(everybody, timeout=PATIENCE_SECONDS)
        self.process.wait(PATIENCE_SECONDS)


class Site:
    """A data directory with an `up` in it that is started whenever a test needs it and it doesn't run."""

    def __init__(self, data_dir: Path, *, is_new: bool = False) -> None:
        self._data_dir = data_dir
        self._is_new = is_new
        self._port = free_port()
        self._up: Up | None = None
        self.words: tuple[str, ...] = ()

    @property
    def up(self) -> Up:
        """The running `up`."""
        if self._up is None or self._up.process.poll() is not None:
            self._up = Up(self._data_dir, *self.words, port=self._port, is_new=self._is_new).wait_ready()
        return self._up

    def discard(self) -> None:
        """Stop it, if it runs."""
        if self._up:
            self._up.discard()


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; one that nobody has asked about yet counts as gone."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def site_in_a_folder(name: str) -> Iterator[Site]:
    """A site for some tests, in a folder whose path is short enough for its sockets; both go with them."""
    with tempfile.TemporaryDirectory(prefix="up-") as folder:
        site = Site(Path(folder) / name)
        yield site
        site.discard()
