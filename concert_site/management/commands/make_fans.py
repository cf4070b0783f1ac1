"""`manage.py make_fans`: fans for scripts, load tests and tests."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from concert_site.accounts.bulk_accounts import make_fans
from concert_site.accounts.tokens import LOAD_TEST_TOKEN_SECONDS, create_access_token_for
from wallet.domain.ledger import LARGEST_BALANCE, open_wallets

MOST = 1_000_000


class Command(BaseCommand):
    help = "Make fans who can log in; prints one line of JSON a fan: id, email, password, access_token."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int, metavar="COUNT", help="how many fans")
        parser.add_argument("--balance", type=int, default=0, metavar="N", help="what each has, in minor units")

    def handle(self, *, count: int, balance: int, **options: Any) -> None:  # Any: Django's own options
        """Make them.

        :raises CommandError: outside demo and test, and if a number makes no sense
        """
        if settings.IS_PRODUCTION:
            raise CommandError("make_fans is for MODE=demo and MODE=test; in production fans sign up themselves.")
        if not 1 <= count <= MOST:
            raise CommandError(f"COUNT must be between 1 and {MOST}.")
        if not 0 <= balance <= LARGEST_BALANCE:
            raise CommandError(f"--balance must be between 0 and {LARGEST_BALANCE}.")
        password = secrets.token_urlsafe(12)
        fans = make_fans(count, password)
        if balance:
            open_wallets(user_ids=[fan.pk for fan in fans], amount=balance, note="Rehearsal")
        for fan in fans:
            token = create_access_token_for(fan.pk, LOAD_TEST_TOKEN_SECONDS)
            line = {"id": fan.pk, "email": fan.email, "password": password, "access_token": token}
            self.stdout.write(json.dumps(line))
