"""A PostgreSQL of Debian's packages for a drill: a cluster of its own on loopback, to be killed and brought back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stack

DEBIAN = Path("/usr/lib/postgresql")
PATIENCE_SECONDS = 60
# The sockets' folder must have a short path.
LOCALE = ("--locale=C.UTF-8", "--encoding=UTF8")


def majors() -> list[int]:
    """Of Debian's PostgreSQLs that are installed."""
    return sorted(int(found.name) for found in DEBIAN.glob("*") if (found / "bin" / "postgres").exists())


def require(program: str, package: str) -> None:
    """End the drill with what is missing."""
    from shutil import which  # here alone

    if which(program) is None:
        raise SystemExit(f"This drill needs {program}: apt-get install {package}")


@dataclass
class Cluster:
    """One cluster below `folder`; the account that runs it owns that."""

    folder: Path
    bin: Path
    port: int = field(default_factory=stack.free_port)
    settings: dict[str, str] = field(default_factory=dict)
    program: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://frontrow@127.0.0.1:{self.port}/frontrow"

    def connect(self, name: str = "frontrow") -> psycopg.Connection[Any]:  # Any: rows of any shape
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=frontrow dbname={name}", autocommit=True, connect_timeout=5
        )

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One of its programs, as the account that owns it."""
        done = subprocess.run(
            [*as_account(), *map(str, words)], cwd="/", capture_output=True, text=True, check=False, env=clean()
        )
        if check and done.returncode:
            raise SystemExit(f"{Path(words[0]).name} failed:\n{done.stdout}{done.stderr}")
        return done

    def create(self, options: Sequence[str] = LOCALE) -> None:
        self.run(
            self.bin / "initdb", "-D", self.data, "--username=frontrow", "--auth=trust", "--no-instructions", *options
        )

    def start(self) -> None:
        """Start it, and wait until it can be written to."""
        words = [f"-c{name}={value}" for name, value in self.settings.items()]
        listen = [f"-cport={self.port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={self.folder}"]
        with (self.folder / "server.log").open("ab") as log:
            self.program = subprocess.Popen(
                [*as_account(), str(self.bin / "postgres"), "-D", str(self.data), *listen, *words],
                cwd="/",
                stdout=log,
                stderr=log,
                env=clean(),
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.can_be_written():
            if self.program.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"PostgreSQL doesn't start:\n{(self.folder / 'server.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def can_be_written(self) -> bool:
        try:
            with self.connect("postgres") as connection:
                row = connection.execute("select pg_is_in_recovery()").fetchone()
                return row is not None and not row[0]
        except psycopg.OperationalError:
            return False

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, number: int = signal.SIGINT) -> None:
        """Fast shutdown; by SIGKILL, as if the machine were gone."""
        if self.program is None:
            return
        if number == signal.SIGKILL:
            # Its children as well: they are the postmaster's group.
            os.killpg(os.getpgid(self.postmaster()), signal.SIGKILL)
        else:
            os.kill(self.postmaster(), number)
        self.program.wait(PATIENCE_SECONDS)
        self.program = None


def as_account() -> list[str]:
    """PostgreSQL refuses to be root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []


def clean() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/"}


def give(folder: Path) -> None:
    """Let the account that runs PostgreSQL own a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        subprocess.run(["chown", "postgres:postgres", str(folder)], check=True)
