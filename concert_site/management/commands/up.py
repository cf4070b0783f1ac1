"""Run the whole site: PostgreSQL, Redis, web, worker and beat."""

import io
import os
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connections

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.modes import TEST
from concert_site.embedded.services import embedded_services
from concert_site.embedded.site import Site
from concert_site.embedded.web import Address
from concert_site.lib.web.static import collect_changed


class Command(BaseCommand):
    """See `add_arguments`; docs/operations.md has the rest."""

    help = "Run the whole site in the foreground. Prints `Ready: <address>` when it answers; Ctrl-C stops it."
    # They would import every view and every task in a process that serves none.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--data-dir` is here for the help: it is taken off the command line before Django sees it."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", default=8000, type=int, help="port to listen on (8000); 0 takes any free one")
        parser.add_argument("--data-dir", metavar="DIR", help="where everything is kept (.data)")
        parser.add_argument("--workers", default=2, type=positive, metavar="N", help="web worker processes (2)")
        parser.add_argument("--demo", action="store_true", help="MODE=demo, and load the demo concerts and logins")

    def handle(self, *, host: str, port: int, workers: int, demo: bool, **_options: object) -> None:
        data_dir = DataDir(Path(os.environ["DATA_DIR"]))
        site = Site(data_dir, embedded_services(os.environ, data_dir), Address(host, port), workers)
        try:
            site.run(lambda: prepare_database(with_demo=demo))
        except CannotStart as error:
            raise CommandError(str(error)) from error


def positive(text: str) -> int:
    """A number of at least one; ValueError is what argparse makes its own message of."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def prepare_database(*, with_demo: bool) -> list[str]:
    """Migrate, collect static files, load the demo if asked; returns what the latter has to say."""
    said = io.StringIO()
    call_command("migrate", interactive=False, verbosity=0)
    if settings.MODE != TEST:
        collect_changed()
    if with_demo:
        call_command("load_demo", stdout=said)
    # This process only watches from here on, and needs none of its connections.
    connections.close_all()
    return said.getvalue().splitlines()
