"""`manage.py backup`: make an encrypted archive of the site, look after those there are, try one out."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from concert_site.embedded.data_dir import write_new_closed
from concert_site.operations.backup import creating, restoring, retention
from concert_site.operations.backup.archive_names import StoredArchive
from concert_site.operations.backup.encryption import Decryptor, Encryptor, new_identity
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.stores import Store, store_at


class Command(BaseCommand):
    """See `add_arguments`; docs/backup.md has the rest."""

    help = "Back up database, posters and keys into one encrypted archive. The last line printed is JSON, for scripts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Without a choice a backup is made, and those that the rule doesn't keep are deleted."""
        parser.add_argument("--to", default=settings.BACKUP_TO, help="a folder or s3://bucket/prefix (BACKUP_TO)")
        parser.add_argument("--no-prune", action="store_true", help="delete no older backups")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="the backups there are, oldest first")
        what.add_argument(
            "--verify", metavar="BACKUP", help="restore this one (or `newest`) into a database made for it, and audit"
        )
        what.add_argument(
            "--require-newer-than", metavar="HOURS", type=float, help="fail if the newest backup is older: for alarms"
        )
        what.add_argument("--make-key", metavar="FILE", help="make a key pair: private into FILE, public printed")
        parser.add_argument(
            "--identity", default=settings.BACKUP_IDENTITY_FILE, help="the private key's file, for --verify"
        )

    def handle(self, *, to: str, no_prune: bool, identity: str, **options: object) -> None:
        """Do what was asked.

        :raises CommandError: with the reason, in one line
        """
        try:
            if options["make_key"]:
                self.make_key(Path(str(options["make_key"])))
            elif options["verify"]:
                self.verify(str(options["verify"]), to, Decryptor(identity, settings.BACKUP_PASSPHRASE_FILE))
            elif options["list"]:
                self.show(required(to))
            elif options["require_newer_than"] is not None:
                self.require_newer(required(to), float(str(options["require_newer_than"])))
            else:
                self.back_up(required(to), prune=not no_prune)
        except BackupFailed as error:
            raise CommandError(str(error)) from error

    def back_up(self, store: Store, *, prune: bool) -> None:
        encryptor = Encryptor(settings.BACKUP_RECIPIENT, settings.BACKUP_PASSPHRASE_FILE)
        made = creating.make_backup(store, encryptor, self.stdout.write, with_keys=settings.BACKUP_KEYS)
        if prune:
            rule = retention.RetentionRule(
                settings.BACKUP_KEEP_DAILY, settings.BACKUP_KEEP_WEEKLY, settings.BACKUP_KEEP_MONTHLY
            )
            for old in retention.superfluous(store.archives(), rule):
                store.delete(old.name)
                self.stdout.write(f"Deleted by the rule: {old.name}")
        self.stdout.write(creating.as_line(made))

    def verify(self, place: str, to: str, decryptor: Decryptor) -> None:
        if place == "newest":
            store = required(to)
            place = store.describe(newest(store).name)
        restoring.verify(place, decryptor, self.stdout.write)
        self.stdout.write(f"Good: {place}")

    def show(self, store: Store) -> None:
        for archive in store.archives():
            self.stdout.write(
                f"{archive.made_at:%Y-%m-%d %H:%M:%S} UTC  {archive.size:>15,}  {store.describe(archive.name)}"
            )

    def require_newer(self, store: Store, hours: float) -> None:
        archive = newest(store)
        age = timezone.now() - archive.made_at
        if age > timedelta(hours=hours):
            raise BackupFailed(f"the newest backup is {age.total_seconds() / 3600:.1f} hours old: {archive.name}")
        self.stdout.write(f"{age.total_seconds() / 3600:.1f} hours old: {store.describe(archive.name)}")

    def make_key(self, file: Path) -> None:
        private, public = new_identity()
        try:
            write_new_closed(file, f"# public key: {public}\n{private}\n".encode())
        except OSError as error:
            raise BackupFailed(f"{file} can't be written: {error.strerror}") from error
        self.stdout.write(f"BACKUP_RECIPIENT={public}")


def required(place: str) -> Store:
    """:raises BackupFailed: if nobody said where backups go"""
    if not place:
        raise BackupFailed("where to? Set BACKUP_TO, or say --to FOLDER or --to s3://bucket/prefix")
    return store_at(place)


def newest(store: Store) -> StoredArchive:
    """:raises BackupFailed: if there is none"""
    archives = store.archives()
    if not archives:
        raise BackupFailed("there is no backup")
    return archives[-1]
