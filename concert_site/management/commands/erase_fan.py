"""`manage.py erase_fan`: take everything that says who an account was."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from concert_site.accounts import background_mail
from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict, Unavailable
from concert_site.operations.personal_data import closing, erasing


class Command(BaseCommand):
    """For who asked by letter; fans do it themselves under Account."""

    help = "Erase a person: name, address, logins, devices, texts. Payments and the ledger stay under a number."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the account's address")
        parser.add_argument("--yes", action="store_true", help="really; without it, only what is in the way is said")

    def handle(self, *, email: str, yes: bool, **_options: object) -> None:
        """:raises CommandError: if there is no such account, or something is in the way"""
        user = User.objects.of_address(email)
        if user is None:
            raise CommandError(f"There is no account {email}.")
        if found := erasing.obstacles(user.pk):
            raise CommandError(f"Account {user.pk} can't be erased: {' '.join(str(each.detail) for each in found)}")
        if not yes:
            self.stdout.write(f"Account {user.pk} can be erased. Say --yes to do it; it can't be undone.")
            return
        try:
            is_told = closing.close(user, by_staff=True)
        except (Conflict, Unavailable) as error:
            raise CommandError(f"Account {user.pk} can't be erased: {error.detail}") from error
        self.stdout.write(f"Account {user.pk} is erased. Backups from before have it until the rule deletes them.")
        if is_told:
            self.stdout.write("A mail says so to the address that it had.")
            background_mail.wait()
