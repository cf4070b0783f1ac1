"""A real `manage.py up`, or any command, as a process of its own for tests."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil

from concert_site.embedded.data_dir import PROJECT

# What the tests' own environment prepared, and what a developer's may hold.
PREPARED = ["ALLOWED_HOSTS", "DATABASE_URL", "DATA_DIR", "JWT_PRIVATE_KEY", "MODE", "PGHOST", "REDIS_URL", "SECRET_KEY"]
# For `manage.py shell -c`: where PostgreSQL keeps its data.
SHOW_FOLDER = (
    "from django.db import connection; cursor = connection.cursor();"
    "cursor.execute('SHOW data_directory'); print(*cursor.fetchone())"
)
PATIENCE_SECONDS = 40.0


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


class Up:
    """A running `up`, in MODE=test unless told otherwise."""

    def __init__(self, data_dir: Path, *words: str, port: int | None = None, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        # Files, not pipes: nobody needs to read along, and what orphans hold open can't block a test.
        self.stdout = data_dir.with_suffix(".stdout")
        self.stderr = data_dir.with_suffix(".stderr")
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
                env=clean_environment(**{"MODE": "test", **environment}),
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
        wait_until(self._has_spoken, "up gets ready", seconds)
        assert self.ready_line in self.stdout.read_text().splitlines(), self.stderr.read_text()
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
        if self.process.poll() is None:
            everybody = self.everybody()
            self.process.send_signal(signal.SIGTERM)
            psutil.wait_procs(everybody, timeout=PATIENCE_SECONDS)
        self.process.wait(PATIENCE_SECONDS)


class Site:
    """A data directory with an `up` in it that is started whenever a test needs it and it doesn't run."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._port = free_port()
        self._up: Up | None = None

    @property
    def up(self) -> Up:
        """The running `up`."""
        if self._up is None or self._up.process.poll() is not None:
            self._up = Up(self._data_dir, port=self._port).wait_ready()
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
