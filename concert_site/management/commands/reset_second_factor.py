"""`manage.py reset_second_factor`: for who has lost the phone and the recovery codes."""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from concert_site.accounts.models import User
from concert_site.accounts.second_factor import remove_factors

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Take away every second factor of an account: afterwards its password alone opens it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="the address of the account")

    def handle(self, *, email: str, **options: Any) -> None:  # Any: Django's own options
        """Take them away, and say so in the log.

        :raises CommandError: if there is no such account, or it has none
        """
        user = User.objects.of_address(email)
        if user is None:
            raise CommandError(f"No account has the address {email}.")
        removed = remove_factors(user)
        if not removed:
            raise CommandError(f"{user} has no second factor.")
        log.warning("The second factor of %s was taken away by a command.", user)
        self.stdout.write(f"{user} logs in by the password alone again. Staff are asked to set up another.")
