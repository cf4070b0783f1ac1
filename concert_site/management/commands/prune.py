"""`manage.py prune`: take what the rules of retention say, as beat does each night."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from concert_site.operations import pruning


class Command(BaseCommand):
    """docs/personal-data.md has the rules."""

    help = "Take away what nobody needs any more, by the KEEP_... settings; nothing that money stands on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be taken")
        parser.add_argument("--at-once", action="store_true", help="without pauses, also while a sale is young")

    def handle(self, *, dry_run: bool, at_once: bool, **_options: object) -> None:
        found = list(pruning.count()) if dry_run else []
        for each in found if dry_run else pruning.prune(is_patient=not at_once):
            self.stdout.write(f"{'Would take' if dry_run else 'Took'} {each}")
        if not pruning.rules_on():
            self.stdout.write("No rule is on: everything is kept (KEEP_... in docs/settings.md).")
