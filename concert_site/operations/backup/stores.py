"""Where archives are kept. An archive is there under its name when it is whole, and not before."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from concert_site.embedded.data_dir import open_new_closed
from concert_site.operations.backup.archive_names import PREFIX, SUFFIX, StoredArchive, archive_named
from concert_site.operations.backup.errors import BackupFailed

DRAFT = ".partial"


class Store(Protocol):
    """A folder, or a bucket."""

    def describe(self, name: str) -> str:
        """Where that archive is, as `restore` takes it."""

    def save(self, name: str, write: Callable[[IO[bytes]], None]) -> int:
        """Keep what `write` writes under this name, if it returns; its size in bytes. Else nothing is kept."""

    def archives(self) -> list[StoredArchive]:
        """The archives in it, the oldest first."""

    def delete(self, name: str) -> None:
        """Remove an archive."""


class Folder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def describe(self, name: str) -> str:
        return str(self.path / name)

    def save(self, name: str, write: Callable[[IO[bytes]], None]) -> int:
        """Write beside its place, and move it there when it is on the disk.

        :raises BackupFailed: if it can't be written
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._save(self.path / name, write)
        except OSError as error:
            raise BackupFailed(f"{self.path} can't be written: {error.strerror or error}") from error

    def _save(self, place: Path, write: Callable[[IO[bytes]], None]) -> int:
        draft = place.with_name(place.name + DRAFT)
        draft.unlink(missing_ok=True)
        try:
            with open_new_closed(draft) as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            draft.rename(place)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        # The name itself must be on the disk, too.
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size

    def archives(self) -> list[StoredArchive]:
        found = self.path.iterdir() if self.path.is_dir() else ()
        return sorted(archive for file in found if (archive := archive_named(file.name, file.stat().st_size)))

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def clear_drafts(self) -> None:
        """Remove what backups that were killed have left; call it while no other runs."""
        for file in self.path.glob(f"{PREFIX}*{SUFFIX}{DRAFT}"):
            file.unlink(missing_ok=True)


def store_at(place: str) -> Store:
    """The store of this address: a folder, or `s3://bucket/prefix`.

    :raises BackupFailed: if there is no such kind
    """
    if place.startswith("s3://"):
        from concert_site.operations.backup.bucket import Bucket  # only who uses it waits for the library

        return Bucket(place)
    if "://" in place:
        raise BackupFailed(f"{place}: backups go to a folder or to s3://bucket/prefix")
    return Folder(Path(place).expanduser().absolute())


def opened(place: str, scratch: Path) -> IO[bytes]:
    """An archive that is read, from its beginning, twice: one in a bucket is fetched first, encrypted as it is.

    :param scratch: a folder for it, emptied by the caller
    :raises BackupFailed: if it isn't there
    """
    file = Path(place).expanduser()
    if place.startswith("s3://"):
        from concert_site.operations.backup.bucket import Bucket  # as above

        address, _, name = place.rpartition("/")
        file = scratch / "archive"
        Bucket(address).fetch(name, file)
    try:
        return file.open("rb")
    except OSError as error:
        raise BackupFailed(f"{place} can't be read: {error.strerror}") from error
