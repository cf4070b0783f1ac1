"""Reading an archive: once to see that it is whole, then again to restore it."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

from django.db import connection

from concert_site.operations.backup import databases
from concert_site.operations.backup.archive import DATABASE, MANIFEST, Part, pieces_of
from concert_site.operations.backup.encryption import Decryptor
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.manifest import Manifest, read_manifest, require_whole
from concert_site.operations.backup.pipes import written_by
from concert_site.operations.backup.postgres_tools import (
    complaint_of,
    connection_string,
    environment,
    tools_for_restore,
)


@contextmanager
def pieces(file: IO[bytes], decryptor: Decryptor) -> Iterator[Iterator[tuple[str, bytes]]]:
    """The pieces of an encrypted archive, from its beginning."""
    file.seek(0)

    def write(out: IO[bytes]) -> None:
        decryptor.decrypt(file, out)

    with written_by(write) as source:
        yield pieces_of(source)  # type: ignore[arg-type]  # it is asked for `read` alone


def check(file: IO[bytes], decryptor: Decryptor) -> Manifest:
    """Read all of an archive and compare it with its manifest; nothing is written.

    :raises BackupFailed: if it can't be opened, is no backup, or isn't whole
    """
    read: dict[str, Part] = {}
    manifest = None
    with pieces(file, decryptor) as found:
        for name, data in found:
            if name == MANIFEST:
                manifest = read_manifest(data)
                continue
            part = read.setdefault(name, Part())
            part.add(data)
            part.pieces += 1
    if manifest is None:
        raise BackupFailed("the backup is cut off: its manifest is missing")
    require_whole(manifest, read)
    return manifest


@dataclass(frozen=True, slots=True)
class Checked:
    """An archive of which all was read and found to be as it was made."""

    file: IO[bytes]
    decryptor: Decryptor
    manifest: Manifest


def restore_parts(archive: Checked, database: str, take: Callable[[str, bytes], None]) -> None:
    """Restore the database into an empty one of the site's server, and hand everything else to `take`.

    :raises BackupFailed: if pg_restore fails; the database is then empty as before
    """
    with restoring(database, archive.manifest) as rows, pieces(archive.file, archive.decryptor) as found:
        for name, data in found:
            if name == DATABASE:
                rows(data)
            elif name != MANIFEST:
                take(name, data)


@contextmanager
def restoring(database: str, manifest: Manifest) -> Iterator[Callable[[bytes], None]]:
    """Feeds pg_restore; all of it is one transaction.

    :raises BackupFailed: with its complaint
    """
    command = restore_command(database, manifest)
    with tempfile.TemporaryFile() as said, environment(connection) as variables:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=variables,
        )
        stdin, is_over = cast("IO[bytes]", program.stdin), False  # since it is a pipe

        def feed(data: bytes) -> None:
            nonlocal is_over
            try:
                if not is_over:
                    stdin.write(data)
            except BrokenPipeError:
                # It says why itself.
                is_over = True

        try:
            yield feed
        except BaseException:
            program.kill()
            raise
        finally:
            try:
                stdin.close()
            except BrokenPipeError:
                is_over = True
            failed = program.wait()
        if failed:
            said.seek(0)
            raise BackupFailed(f"pg_restore failed: {complaint_of(said.read())}")


def restore_command(database: str, manifest: Manifest) -> list[str]:
    """The words that begin pg_restore.

    :raises BackupFailed: if there is none that reads this backup
    """
    tools = tools_for_restore(dumped_by=manifest.pg_dump, major=databases.server_version() // 10_000)
    # Whoever restores owns it; what others may read is for docs/backup.md.
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-publications"]
    words += ["--no-subscriptions", "--format=custom", f"--dbname={connection_string(connection, name=database)}"]
    return [str(tools.folder / "pg_restore"), *words]
