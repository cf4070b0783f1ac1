"""The data directory: where everything lives that outlives a process."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock

PROJECT = Path(__file__).resolve().parent.parent.parent

# Making folders and keys takes moments; whoever needs longer hangs.
SET_UP_SECONDS = 10.0
# The path of a Unix socket fits in 107 bytes; PostgreSQL's adds "/postgres/.s.PGSQL.5432" to the folder.
LONGEST_SOCKET_FOLDER = 80
# Spaces and the like would have to be quoted in four ways on their way through four programs.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True)
class DataDir:
    """The folder, and the names of what lies in it."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def processes(self) -> Path:
        """Who was started, so that the next start can end what the last one left behind."""
        return self.path / "processes.json"

    def records_of(self, roles: tuple[str, ...]) -> Path:
        """The same, of an `up` of some roles alone."""
        return self.path / f"processes-{'-'.join(roles)}.json" if roles else self.processes

    def all_records(self) -> list[Path]:
        return sorted(self.path.glob("processes*.json"))

    def program_lock(self, name: str) -> FileLock:
        """Held alone, for life, by the `up` that runs this program here."""
        with explained(self.path):
            return FileLock(self.path / f"lock-{name}")

    def is_attended(self, name: str) -> bool:
        """Whether an `up` runs this program here."""
        lock = self.program_lock(name)
        try:
            return lock.is_held_alone()
        finally:
            lock.close()

    def owner_lock(self) -> FileLock:
        """Held alone, for life, by whoever runs the services: `up`, or the daemon of lone commands."""
        with explained(self.path):
            return FileLock(self.path / "lock")

    def users_lock(self) -> FileLock:
        """Shared by the commands that use the services; the daemon takes it alone when the last is done."""
        with explained(self.path):
            return FileLock(self.path / "users")

    def sockets(self) -> Path:
        """The folder of the sockets: real, short and plain."""
        return (self.path / "run").resolve()

    @contextmanager
    def being_set_up(self) -> Iterator[None]:
        """Make the folders; two commands that both come first take turns.

        :raises CannotStart: if it can't be written, or the other one does not finish
        """
        with explained(self.path):
            # Only search permission for others, and only for root: then PostgreSQL, which refuses to be
            # root, finds its own folder. Everything inside is closed to others by itself.
            self.path.mkdir(mode=open_to_search(), parents=True, exist_ok=True)
            lock = FileLock(self.path / "setup")
            try:
                if not lock.try_exclusive(SET_UP_SECONDS):
                    raise CannotStart(
                        f"another command has been setting up {self.path} for {SET_UP_SECONDS:.0f} s:"
                        " end it, or choose another with --data-dir"
                    )
                self.log.mkdir(mode=0o700, exist_ok=True)
                make_socket_folder(self.path)
                yield
            finally:
                lock.close()


def open_to_search() -> int:
    return 0o711 if os.geteuid() == 0 else 0o700


def write_closed(path: Path, text: str) -> None:
    """Write a file that nobody else may read; whole or not at all, also if we are killed meanwhile."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    write_new_closed(draft, text.encode())
    draft.rename(path)


def write_new_closed(path: Path, content: bytes) -> None:
    """Write a new file that nobody else may read.

    :raises FileExistsError: if it is there already
    """
    with open_new_closed(path) as file:
        file.write(content)


def open_new_closed(path: Path) -> IO[bytes]:
    """The same, to be written by the caller."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def make_socket_folder(data_dir: Path) -> None:
    """Make `run`: a folder, or a link to a short one if the data directory lies too deep."""
    run = data_dir / "run"
    if is_ours(run, data_dir):
        return
    if len(os.fsencode(run)) <= LONGEST_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(run)):
        run.mkdir(mode=open_to_search())
        return
    # A random name can't be occupied in advance by someone else, and the link remembers it.
    folder = tempfile.mkdtemp(prefix="frontrow-", dir=short_temporary_folder())
    Path(folder).chmod(open_to_search())
    run.unlink(missing_ok=True)
    run.symlink_to(folder)


def is_ours(run: Path, data_dir: Path) -> bool:
    """Whether the folder is there and no stranger made it after a clean-up of the temporary folder."""
    try:
        found = run.stat()
    except FileNotFoundError:
        return False
    return found.st_uid in {os.geteuid(), data_dir.stat().st_uid}


def short_temporary_folder() -> str:
    """The temporary folder, unless that is deep or odd itself."""
    usual = tempfile.gettempdir()
    is_fit = len(usual) < LONGEST_SOCKET_FOLDER - 20 and PLAIN_PATH.fullmatch(usual)
    return usual if is_fit else "/tmp"  # noqa: S108 - a random 0700 folder is made inside


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say in one line that the folder can't be used.

    :raises CannotStart: instead of an OSError
    """
    try:
        yield
    except OSError as error:
        message = f"the data directory {path} can't be written ({error.strerror}): choose another with --data-dir"
        raise CannotStart(message) from error
