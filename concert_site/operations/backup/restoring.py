"""Restoring a backup: into an empty database, or in place of one that is named; and trying one out."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from concert_site.embedded import stamps
from concert_site.embedded.data_dir import write_new_closed
from concert_site.operations.backup import databases, reading, recovering, snapshot
from concert_site.operations.backup.archive import KEYS, MEDIA
from concert_site.operations.backup.creating import FIXED, SECRETS, Say
from concert_site.operations.backup.encryption import Decryptor
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.manifest import Manifest
from concert_site.operations.backup.media import restore_poster
from concert_site.operations.backup.reading import Checked
from concert_site.operations.backup.stores import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """How to restore: `replace` names a database that may be replaced, `keys_to` a folder for the keys."""

    replace: str = ""
    keys_to: str = ""
    keep_sessions: bool = False
    other_mode: bool = False


@contextmanager
def checked(place: str, decryptor: Decryptor, say: Say) -> Iterator[Checked]:
    """An archive that is whole, and fit to be restored by this version.

    :raises BackupFailed: if it isn't
    """
    with tempfile.TemporaryDirectory(prefix="frontrow-restore-") as scratch, opened(place, Path(scratch)) as file:
        manifest = reading.check(file, decryptor)
        say(f"Backup of {manifest.made_at}, made by {manifest.host} ({manifest.mode}): checksums are right.")
        say(
            f"{manifest.rows:,} rows in {len(manifest.tables)} tables, {len(manifest.media)} posters,"
            f" keys: {', '.join(manifest.keys) or 'none'}."
        )
        require_known_migrations(manifest)
        yield Checked(file, decryptor, manifest)


def require_known_migrations(manifest: Manifest) -> None:
    """:raises BackupFailed: if a newer version made it"""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    replaced = {f"{app}.{name}" for app, name in MigrationLoader(None).replacements}
    if unknown := sorted(set(manifest.migrations) - known - replaced):
        raise BackupFailed(
            f"a newer version ({manifest.version}) made this backup: this one doesn't know migration {unknown[0]}"
        )


def verify(place: str, decryptor: Decryptor, say: Say) -> None:
    """Restore an archive into a database made for it, look at everything, and drop that.

    :raises BackupFailed: if anything isn't as the manifest says
    """
    with checked(place, decryptor, say) as archive:
        name, files = databases.scratch_name("verify"), RestoredFiles(with_posters=False)
        databases.create_like(name, str(connection.settings_dict["NAME"]))
        try:
            reading.restore_parts(archive, name, files.take)
            with databases.pointed_at(name):
                require_same_rows(archive.manifest, say)
                recovering.bring_up_to_date(say, keep_sessions=True)
                require_posters(archive.manifest)
        finally:
            databases.drop(name)
        say_of_keys(files.keys, say)


class RestoredFiles:
    """Takes what is in an archive beside the database: keys, and posters to put back."""

    def __init__(self, *, with_posters: bool) -> None:
        self.with_posters = with_posters
        self.keys: dict[str, str] = {}
        self.put_back = 0

    def take(self, name: str, data: bytes) -> None:
        kind, _, rest = name.partition("/")
        # Names of our own alone: whoever has the public key can write an archive, and these become files.
        if kind == KEYS and rest in SECRETS:
            self.keys[rest] = data.decode()
        elif kind == MEDIA and self.with_posters:
            self.put_back += restore_poster(rest, data)


def require_same_rows(manifest: Manifest, say: Say) -> None:
    """:raises BackupFailed: if a table has other rows than when the backup was made"""
    with connection.cursor() as cursor:
        found = snapshot.count_rows(cursor)
    if wrong := snapshot.differences(manifest.tables, found):
        raise BackupFailed(f"rows differ: {'; '.join(wrong)}")
    say(f"Restored: {sum(found.values()):,} rows in {len(found)} tables, as the manifest says.")


def require_posters(manifest: Manifest) -> None:
    """:raises BackupFailed: if a concert names a poster that isn't in the archive"""
    with connection.cursor() as cursor:
        cursor.execute("select id, poster from concert where poster <> ''")
        missing = [pk for pk, poster in cursor.fetchall() if poster not in manifest.media]
    if missing:
        raise BackupFailed(f"posters of concerts are missing in the backup: {', '.join(map(str, missing))}")


def restore(place: str, decryptor: Decryptor, options: RestoreOptions, say: Say) -> None:
    """Restore an archive. Until all of it is checked nothing is changed; what is replaced is kept aside.

    :raises BackupFailed: if it can't be restored here; a database that wasn't empty is then as it was
    """
    own = str(connection.settings_dict["NAME"])
    if options.keys_to:
        require_room_for_keys(Path(options.keys_to))
    with checked(place, decryptor, say) as archive:
        require_fit(archive.manifest, options)
        if snapshot.is_empty(connection):
            fill(own, archive, options, say)
        elif options.replace == own:
            replace(own, archive, options, say)
        else:
            raise BackupFailed(
                f"database {own} isn't empty: to replace it, stop the site and say --replace {own}"
                " (what is in it is kept under another name)"
            )
    recovering.clear_redis(say)


def fill(own: str, archive: Checked, options: RestoreOptions, say: Say) -> None:
    """Restore into the site's empty database.

    :raises BackupFailed: if that can't be done, or what is restored isn't in order; it says if that is there
    """
    try:
        restore_into(own, archive, options, say)
    except BackupFailed as error:
        if snapshot.is_empty(connection):
            raise
        raise BackupFailed(
            f"{error}. Database {own} was empty and now has what was restored, for you to look at: don't start the"
            f" site on it. To try again, say --replace {own}"
        ) from error


def replace(own: str, archive: Checked, options: RestoreOptions, say: Say) -> None:
    """Restore beside the site's database, and put the new one in its place when all is well."""
    connection.close()
    databases.require_unused(own)
    name = databases.scratch_name("restore")
    databases.create_like(name, own)
    try:
        restore_into(name, archive, options, say)
        aside = f"{own}_until_{datetime.now(UTC):%Y%m%dt%H%M%S}"
        connection.close()
        databases.put_in_place(name, own, aside)
    except BaseException:
        databases.drop(name)
        raise
    say(f"What was in {own} is kept as {aside}: drop it when you are sure (DROP DATABASE {databases.quoted(aside)}).")


def restore_into(name: str, archive: Checked, options: RestoreOptions, say: Say) -> None:
    """Restore all of an archive, the database into this one.

    :raises BackupFailed: if what is restored isn't what the manifest says
    """
    files, posters = RestoredFiles(with_posters=True), len(archive.manifest.media)
    reading.restore_parts(archive, name, files.take)
    with databases.pointed_at(name):
        require_same_rows(archive.manifest, say)
        recovering.bring_up_to_date(say, keep_sessions=options.keep_sessions)
        if options.other_mode:
            stamp()
    say(f"Posters put back: {files.put_back}; {posters - files.put_back} were here already.")
    if options.keys_to:
        write_keys(Path(options.keys_to), files.keys, say)
    say_of_keys(files.keys, say)


def stamp() -> None:
    """Have the database belong to this mode, whatever it was a copy of."""
    with connection.cursor() as cursor:
        cursor.execute(stamps.statement(settings.MODE))


def require_fit(manifest: Manifest, options: RestoreOptions) -> None:
    """:raises BackupFailed: if this site counts in other money or days, or is of another mode"""
    for name in FIXED:
        here, there = str(getattr(settings, name)), manifest.fixed[name]
        if here != there:
            raise BackupFailed(f"the backup is of a site with {name}={there}, and here it is {here}: set it first")
    if manifest.mode != settings.MODE and not options.other_mode:
        raise BackupFailed(
            f"the backup is of MODE={manifest.mode} and here it is {settings.MODE}: for a rehearsal on a copy"
            " say --other-mode"
        )


def require_room_for_keys(folder: Path) -> None:
    """Make the folder for the keys, and see that they will be written: afterwards it would be too late to say.

    :raises BackupFailed: if they wouldn't
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = [name for name in SECRETS if (folder / name).exists()]
    except OSError as error:
        raise BackupFailed(f"the keys can't be written to {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BackupFailed(f"the keys can't be written to {folder}: this account may not write there")
    if taken:
        raise BackupFailed(f"{folder} has a {taken[0]} already, which isn't overwritten: name another folder")


def write_keys(folder: Path, keys: dict[str, str], say: Say) -> None:
    """One file a key, closed to others, as the *_FILE variables take them. What is there is not overwritten.

    :raises BackupFailed: if that can't be done
    """
    try:
        for name, value in keys.items():
            write_new_closed(folder / name, value.encode())
    except OSError as error:
        raise BackupFailed(f"the keys can't be written: {error.filename}: {error.strerror}") from error
    say(f"Keys written to {folder}: {', '.join(keys) or 'none, the backup has none'}.")


def say_of_keys(keys: dict[str, str], say: Say) -> None:
    """What follows from keys that differ from those of this site."""
    if not keys:
        return
    differing = [name for name in SECRETS if keys.get(name, "") != str(getattr(settings, name))]
    if not differing:
        say("The keys here are those of the backup: tickets, sessions and tokens are good as they are.")
    for name in differing:
        say(f"{name} here isn't the backup's: {CONSEQUENCES[name]}.")


CONSEQUENCES = {
    "SECRET_KEY": "sessions, codes that were mailed, and without a TICKET_PRIVATE_KEY printed tickets don't hold",
    "JWT_PRIVATE_KEY": "apps log in again",
    "TICKET_PRIVATE_KEY": "tickets that were printed or mailed fail the check; the site shows them signed anew",
}
