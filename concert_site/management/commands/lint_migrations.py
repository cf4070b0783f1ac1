"""`manage.py lint_migrations`: whether a release may be rolled out while the one before still runs."""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from concert_site.operations import migration_rules


class Command(BaseCommand):
    help = "Check new migrations by the rule of expand and contract (CONTRIBUTING.md). It needs no database."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:  # Any: Django's own options
        """Say what is wrong, one line each.

        :raises CommandError: if anything is
        """
        found = migration_rules.faults()
        for fault in found:
            self.stderr.write(fault)
        if found:
            raise CommandError("A rolling restart would break the release before: see CONTRIBUTING.md, 'Migrations'.")
