"""Whether the SQL functions in the database are those of the files."""

from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.db import connection

from concert_site.lib.database.sql_install import differences


class Command(BaseCommand):
    """Each file is made in the database, aside, and compared; nothing is changed."""

    help = "Compare the SQL functions in the database with the .sql files; exits with an error where they differ."

    def handle(self, **_options: object) -> None:
        lines = differences(connection)
        for line in lines:
            self.stdout.write(line)
        if lines:
            raise CommandError("The database runs other functions than these files: run `manage.py migrate`.")
        self.stdout.write("Every SQL function is as its file makes it.")
