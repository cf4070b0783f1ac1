"""Making a backup, while the site runs: everything in it is of one instant."""

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import IO, cast

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from concert_site.operations.backup import databases, snapshot
from concert_site.operations.backup.archive import DATABASE, KEYS, ArchiveWriter
from concert_site.operations.backup.archive_names import name_at
from concert_site.operations.backup.encryption import Encryptor
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.manifest import FORMAT, Manifest
from concert_site.operations.backup.media import add_posters
from concert_site.operations.backup.pipes import written_by
from concert_site.operations.backup.postgres_tools import (
    Tools,
    complaint_of,
    connection_string,
    environment,
    tools_for_dump,
)
from concert_site.operations.backup.stores import Folder, Store

Say = Callable[[str], None]
# What signs: sessions and reset codes, access tokens, tickets.
SECRETS = ("SECRET_KEY", "JWT_PRIVATE_KEY", "TICKET_PRIVATE_KEY")
# What amounts and days in the database are counted in.
FIXED = ("CURRENCY", "TIME_ZONE")
ONE_AT_A_TIME = "select pg_try_advisory_xact_lock(hashtextextended('frontrow: backup', 0))"
# Nothing that a sale needs is waited for, and the audit's lock_timeout would end a long dump.
FOR_A_DUMP = "set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0"


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup that was made: where it is, how large, and what it says of itself."""

    place: str
    size: int
    manifest: Manifest


def make_backup(store: Store, encryptor: Encryptor, say: Say, *, with_keys: bool = True) -> MadeBackup:
    """Put database, posters and keys into one archive in the store.

    :raises BackupFailed: if any of it can't be had; the store is then as it was
    """
    with one_instant() as (cursor, instant):
        if isinstance(store, Folder):
            store.clear_drafts()
        server = databases.server_version()
        tools = tools_for_dump(server // 10_000)
        manifest = describe_database(cursor, server, tools)
        say(f"Database: {manifest.rows:,} rows in {len(manifest.tables)} tables, {manifest.database_bytes:,} bytes.")

        def write(out: IO[bytes]) -> None:
            with ArchiveWriter(out) as archive:
                add_database(archive, tools, instant)
                add_posters(archive)
                if with_keys:
                    add_keys(archive)
                manifest.parts.update({name: part.as_json() for name, part in archive.parts.items()})
                archive.add_manifest(manifest.as_bytes())

        name = name_at(datetime.fromisoformat(manifest.made_at))
        size = store.save(name, lambda out: encrypted(write, encryptor, out))
    say(f"Posters: {len(manifest.media)}. Keys: {', '.join(manifest.keys) or 'none'}.")
    return MadeBackup(store.describe(name), size, manifest)


def encrypted(write: Callable[[IO[bytes]], None], encryptor: Encryptor, out: IO[bytes]) -> None:
    with written_by(write) as source:
        try:
            encryptor.encrypt(source, out)  # type: ignore[arg-type]  # it is asked for `read` alone
        except BackupFailed:
            # What went wrong first tells more.
            if isinstance(source.failure, BackupFailed):
                raise source.failure from None
            raise


@contextmanager
def one_instant() -> Iterator[tuple[CursorWrapper, str]]:
    """A transaction that sees the database as it is now, and the name by which pg_dump sees the same.

    :raises BackupFailed: if another backup is being made
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read read only")
        cursor.execute(FOR_A_DUMP)
        cursor.execute(ONE_AT_A_TIME)
        if not cursor.fetchone()[0]:
            raise BackupFailed("another backup of this database is being made: wait for it")
        cursor.execute("select pg_export_snapshot()")
        yield cursor, cursor.fetchone()[0]


def describe_database(cursor: CursorWrapper, server: int, tools: Tools) -> Manifest:
    """The manifest, without the parts, which are not there yet."""
    cursor.execute("select now(), pg_database_size(current_database())")
    now, size = cursor.fetchone()
    return Manifest(
        format=FORMAT,
        version=version(),
        made_at=now.astimezone(UTC).replace(microsecond=0).isoformat(),
        host=platform.node(),
        mode=settings.MODE,
        postgresql=server,
        pg_dump=tools.major,
        database_bytes=size,
        migrations=snapshot.applied_migrations(cursor),
        tables=snapshot.count_rows(cursor),
        fixed={name: str(getattr(settings, name)) for name in FIXED},
        variables=variables_set(),
        parts={},
    )


def variables_set() -> list[str]:
    """Variables of the site that are set here: what another machine must be given. Names alone."""
    return sorted(
        name for name in os.environ if hasattr(settings, name.removesuffix("_FILE")) or name == "DATABASE_URL"
    )


def version() -> str:
    """Of Frontrow, as far as it is known."""
    try:
        return metadata.version("frontrow")
    except metadata.PackageNotFoundError:
        return "unknown"


def add_database(archive: ArchiveWriter, tools: Tools, instant: str) -> None:
    """Add what pg_dump writes of that instant.

    :raises BackupFailed: with its complaint
    """
    words = [str(tools.folder / "pg_dump"), "--format=custom", "--compress=3", f"--snapshot={instant}"]
    # Into a file: a pipe that nobody empties would stop it.
    with tempfile.TemporaryFile() as said, environment(connection) as variables:
        dump = subprocess.Popen(
            [*words, f"--dbname={connection_string(connection)}"],
            stdout=subprocess.PIPE,
            stderr=said,
            stdin=subprocess.DEVNULL,
            env=variables,
        )
        stdout = cast("IO[bytes]", dump.stdout)  # since it is a pipe
        try:
            archive.add_stream(DATABASE, stdout)
        finally:
            # Whoever reads no more must close, and then the program ends as well.
            stdout.close()
            failed = dump.wait()
        if failed:
            said.seek(0)
            raise BackupFailed(f"pg_dump failed: {complaint_of(said.read())}")


def add_keys(archive: ArchiveWriter) -> None:
    for name in SECRETS:
        if value := str(getattr(settings, name)):
            archive.add_bytes(f"{KEYS}/{name}", value.encode())


def as_line(made: MadeBackup) -> str:
    """For scripts: one line of JSON."""
    found = made.manifest
    return json.dumps({"backup": made.place, "bytes": made.size, "made_at": found.made_at, "rows": found.rows})
