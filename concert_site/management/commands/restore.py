"""`manage.py restore`: bring a site back from a backup, or finish bringing back a database that came by other ways."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from concert_site.operations.backup import recovering, restoring
from concert_site.operations.backup.encryption import Decryptor
from concert_site.operations.backup.errors import BackupFailed

NEXT = """
What is left to do:
  1. Start the site. Places in line are in the database; Redis is made again from it.
  2. Money that providers took since the backup: the reconciler names it when it compares the day's books (each morning;
     staff: "Needs attention" under Money). Fans who paid then have neither seats nor credit until somebody decides.
  3. Mails of bookings that were owed when the backup was made are sent, some of them for the second time.
  4. Tell fans who booked since then; their tickets are not in the database.
"""


class Command(BaseCommand):
    """See `add_arguments`; docs/backup.md has the rest."""

    help = "Restore a backup: checks all of it first, never overwrites a database that you didn't name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--recovered` is for a database that WAL or a copy of the disk brought back."""
        parser.add_argument("backup", nargs="?", help="a file, or s3://bucket/prefix/name")
        parser.add_argument(
            "--recovered", action="store_true", help="the database is back already: migrate, move numbers on, audit"
        )
        parser.add_argument("--replace", default="", metavar="DATABASE", help="replace this one, which is kept aside")
        parser.add_argument("--keys-to", default="", metavar="DIR", help="write the keys into files there")
        parser.add_argument("--keep-sessions", action="store_true", help="let those stay who were logged in then")
        parser.add_argument("--other-mode", action="store_true", help="for a rehearsal: into a site of another MODE")
        parser.add_argument(
            "--identity", default=settings.BACKUP_IDENTITY_FILE, help="the private key's file (BACKUP_IDENTITY_FILE)"
        )

    def handle(
        self,
        *,
        backup: str | None,
        recovered: bool,
        replace: str,
        keys_to: str,
        keep_sessions: bool,
        other_mode: bool,
        identity: str,
        **_options: object,
    ) -> None:
        """Restore, or finish a recovery.

        :raises CommandError: with the reason, in one line
        """
        if bool(backup) == recovered:
            raise CommandError("name a backup, or say --recovered")
        options = restoring.RestoreOptions(
            replace=replace, keys_to=keys_to, keep_sessions=keep_sessions, other_mode=other_mode
        )
        try:
            if backup:
                decryptor = Decryptor(identity, settings.BACKUP_PASSPHRASE_FILE)
                restoring.restore(backup, decryptor, options, self.stdout.write)
            else:
                recovering.bring_up_to_date(self.stdout.write, keep_sessions=keep_sessions)
                recovering.clear_redis(self.stdout.write)
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(NEXT)
