"""`manage.py export_fan`: a person's own data as they may have it by law."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from concert_site.accounts.models import User
from concert_site.embedded.data_dir import write_new_closed
from concert_site.operations.personal_data.exporting import export


class Command(BaseCommand):
    """For who asked by letter; fans do it themselves under Account."""

    help = "Write all that there is of an account into a zip: data.json for programs, data.html for people."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the account's address")
        parser.add_argument("--to", default="", metavar="FILE", help="where to (personal-data-<number>.zip)")

    def handle(self, *, email: str, to: str, **_options: object) -> None:
        """:raises CommandError: if there is no such account, or the file is there already"""
        user = User.objects.of_address(email)
        if user is None:
            raise CommandError(f"There is no account {email}.")
        file = Path(to or f"personal-data-{user.pk}.zip")
        # Made first, so that nothing is left of one that can't be.
        content = export(user.pk)
        try:
            write_new_closed(file, content)
        except OSError as error:
            raise CommandError(f"{file} can't be written: {error.strerror}") from error
        self.stdout.write(str(file))
