"""`manage.py load_demo`: five concerts, a crowd, and two logins."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from concert_site.demo.loading import FAN, STAFF, load


class Command(BaseCommand):
    help = "Load five concerts, a crowd and two logins to try them with; again: nothing changes."

    def handle(self, *args: object, **options: object) -> None:
        """Load the demo and tell the logins.

        :raises CommandError: in production
        """
        if settings.IS_PRODUCTION:
            raise CommandError("load_demo is for MODE=demo: its passwords are known to everybody.")
        load()
        for login in (FAN, STAFF):
            self.stdout.write(f"{login.title + ':':6} {login.email} / {login.phrase}")
