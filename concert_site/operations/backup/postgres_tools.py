"""PostgreSQL's own programs: which ones fit a server, and how they are told where it is."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import make_conninfo

from concert_site.embedded import postgres
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.secret_files import without_secrets
from concert_site.lib.database.pooler import TAKES_NO_OPTIONS
from concert_site.operations.backup.errors import BackupFailed

DEBIAN = Path("/usr/lib/postgresql")
# Of the driver's options, those that libpq doesn't know, and those that are of a sale's connections.
NOT_FOR_PROGRAMS = {"context", "cursor_factory", "prepare_threshold", "server_side_binding", "options", "password"}
# Who lists processes would see these, and libpq takes none of them by a variable.
SECRET_OPTIONS = {"oauth_client_secret", "scram_client_key", "scram_server_key", "sslpassword"}
VERSION = re.compile(r"(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, order=True)
class Tools:
    """A folder with pg_dump and pg_restore, and their version, such as (15, 18)."""

    version: tuple[int, int]
    folder: Path

    @property
    def major(self) -> int:
        return self.version[0]


@cache
def known_tools() -> tuple[Tools, ...]:
    """All that are on this machine, the oldest first: of POSTGRES_BIN_DIR alone where that is set."""
    return tuple(sorted(filter(None, map(tools_in, folders()))))


def folders() -> Iterator[Path]:
    if settings.POSTGRES_BIN_DIR:
        yield Path(settings.POSTGRES_BIN_DIR)
        return
    yield from (found / "bin" for found in DEBIAN.glob("*"))
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    try:
        yield postgres.bin_dir()
    except CannotStart:
        return


def tools_in(folder: Path) -> Tools | None:
    """The programs in a folder; None if there are none that run, such as a wrapper that finds no version of its own."""
    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = VERSION.search(said)
    return Tools((int(found[1]), int(found[2] or 0)), folder) if found else None


def tools_for_dump(major: int) -> Tools:
    """Those of the server's own major, so that it can be restored into another of the same.

    :raises BackupFailed: if there are only others
    """
    fitting = [one for one in known_tools() if one.major == major]
    if not fitting:
        raise BackupFailed(
            f"PostgreSQL {major} needs the pg_dump of its own major, and there is {listed()}: install"
            f" postgresql-client-{major}, or name its folder by POSTGRES_BIN_DIR"
        )
    return fitting[-1]


def tools_for_restore(*, dumped_by: int, major: int) -> Tools:
    """A pg_restore that reads what this major's pg_dump wrote, the server's own if it does.

    :raises BackupFailed: if the server is older than the dump, or none of the programs here can
    """
    if dumped_by > major:
        raise BackupFailed(
            f"this backup is of PostgreSQL {dumped_by}, and the server here is PostgreSQL {major}:"
            f" use {dumped_by} or later"
        )
    fitting = [one for one in known_tools() if one.major >= dumped_by]
    if not fitting:
        raise BackupFailed(
            f"this backup needs the pg_restore of PostgreSQL {dumped_by} or later, and there is {listed()}: install"
            f" postgresql-client-{dumped_by}, or name its folder by POSTGRES_BIN_DIR"
        )
    return min(fitting, key=lambda one: (abs(one.major - major), -one.version[1]))


def listed() -> str:
    return ", ".join(f"{one.major}.{one.version[1]} in {one.folder}" for one in known_tools()) or "none here"


def connection_string(connection: BaseDatabaseWrapper, *, name: str | None = None) -> str:
    """Where the programs find the database, or another one of that server; without secrets (`environment`)."""
    hidden = NOT_FOR_PROGRAMS | SECRET_OPTIONS
    asked = {key: value for key, value in connection.get_connection_params().items() if key not in hidden}
    return make_conninfo("", **asked | {"dbname": name or connection.settings_dict["NAME"]})


@contextmanager
def environment(connection: BaseDatabaseWrapper) -> Iterator[dict[str, str]]:
    """What the programs run with, for the duration of the block: secrets are seen by nobody who lists processes."""
    password = connection.settings_dict["PASSWORD"]
    # A pooler refuses who asks for that. It must: pg_dump and pg_restore empty `search_path`, and the site would find
    # no table by a server process that the pooler gave it afterwards.
    asked = {"PGOPTIONS": "-c statement_timeout=0"}
    asked |= {"PGPASSWORD": str(password)} if password else {}
    with service_file(connection) as of_file:
        yield without_secrets(os.environ) | asked | of_file


@contextmanager
def service_file(connection: BaseDatabaseWrapper) -> Iterator[dict[str, str]]:
    """What leads libpq to a file of ours with the secrets that it takes by no variable; nothing if there are none."""
    options = connection.get_connection_params()
    secrets = [f"{name}={options[name]}\n" for name in sorted(SECRET_OPTIONS & options.keys())]
    if not secrets:
        yield {}
        return
    # Nobody else reads it: such is a temporary file's mode.
    with tempfile.NamedTemporaryFile("w", prefix="frontrow-service-") as file:
        file.writelines(["[frontrow]\n", *secrets])
        file.flush()
        yield {"PGSERVICEFILE": file.name, "PGSERVICE": "frontrow"}


def complaint_of(said: bytes) -> str:
    """What a program said went wrong, in one line."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    if any(TAKES_NO_OPTIONS in line for line in lines):
        return "DATABASE_URL leads to a pooler: name the server itself by it, for this command"
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no reason given"])[0].strip()
