"""Run the whole site, or some of it: PostgreSQL, Redis, web, worker and beat."""

import io
import os
import time
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connections

from concert_site.accounts import hashers
from concert_site.celery import app as celery_app
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.modes import TEST
from concert_site.embedded.roles import PROGRAMS, Roles, read_roles
from concert_site.embedded.services import embedded_services
from concert_site.embedded.site import Site, report
from concert_site.embedded.web import Address
from concert_site.lib.cache import clear_caches
from concert_site.lib.start_checks import START, START_OF_WEB
from concert_site.lib.web.static import collect_changed
from concert_site.operations.health import count_missing_migrations
from concert_site.operations.monitoring import clear_stopped_site

# Beside the tasks.
FOR_PROCESSES = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "concert_site.front.server",
    "concert_site.urls",
    "django.core.handlers.wsgi",
    "django_celery_beat.schedulers",
    "granian.cli",
)


class Command(BaseCommand):
    """See `add_arguments`; docs/operations.md has the rest."""

    help = "Run the whole site in the foreground. Prints `Ready: <address>` when it answers; Ctrl-C stops it."
    # Most are for who changes the code, not for each start: `handle` runs those that are.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--data-dir` is here for the help: it is taken off the command line before Django sees it."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", default=8000, type=int, help="port to listen on (8000); 0 takes any free one")
        parser.add_argument("--data-dir", metavar="DIR", help="where everything is kept (.data)")
        parser.add_argument("--workers", default=2, type=positive, metavar="N", help="web worker processes (2)")
        parser.add_argument(
            "--only",
            type=role_list,
            default=Roles(),
            metavar="ROLE,...",
            help=f"run some roles alone, of {', '.join(PROGRAMS)}: beside others, here or on other hosts",
        )
        parser.add_argument(
            "--migrate",
            action=BooleanOptionalAction,
            help="migrate before the start (yes, but with --only: that waits until somebody has)",
        )
        parser.add_argument("--demo", action="store_true", help="MODE=demo, and load the demo concerts and logins")

    def handle(
        self, *, host: str, port: int, workers: int, demo: bool, only: Roles, migrate: bool | None, **_options: object
    ) -> None:
        tags = [START, START_OF_WEB] if only.has_web else [START]
        for fault in run_checks(tags=tags, include_deployment_checks=True):
            raise CommandError(fault.msg)
        data_dir = DataDir(Path(os.environ["DATA_DIR"]))
        site = Site(
            data_dir,
            embedded_services(os.environ, data_dir),
            Address(host, port),
            workers,
            only,
            settings.DRAIN_SECONDS,
        )
        migrates = not only.named if migrate is None else migrate
        try:
            site.run(lambda: prepare(only, with_demo=demo, migrates=migrates))
        except CannotStart as error:
            raise CommandError(str(error)) from error


def positive(text: str) -> int:
    """A number of at least one; ValueError is what argparse makes its own message of."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def role_list(text: str) -> Roles:
    """Roles by name, with commas between them."""
    try:
        return read_roles(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def prepare(roles: Roles, *, with_demo: bool, migrates: bool) -> list[str]:
    """Prepare the database, and this process for being forked; returns what the demo has to say."""
    if not roles.has_site:
        return []
    lines = prepare_database(roles, with_demo=with_demo, migrates=migrates)
    load_processes()
    if not roles.named:
        clear_stopped_site()
    # Now that the port is known; the settings were loaded before.
    settings.SITE_URL = os.environ.get("SITE_URL", settings.SITE_URL).rstrip("/")
    # This process only watches from here on, and what is forked must share neither connections nor threads.
    connections.close_all()
    clear_caches()
    hashers.stop_thread()
    return lines


def load_processes() -> None:
    """Load what web, workers and beat load, once for all of them: they are forked from here."""
    celery_app.loader.import_default_modules()
    for module in FOR_PROCESSES:
        import_module(module)


def prepare_database(roles: Roles, *, with_demo: bool, migrates: bool) -> list[str]:
    """Migrate or wait for it, collect static files, load the demo if asked; returns what the latter has to say."""
    said = io.StringIO()
    if migrates:
        call_command("migrate", interactive=False, verbosity=0)
    else:
        wait_until_migrated()
    if settings.MODE != TEST and roles.has_web:
        collect_changed()
    if with_demo:
        call_command("load_demo", stdout=said)
    return said.getvalue().splitlines()


def wait_until_migrated() -> None:
    """Wait until the database has every migration of ours: somebody else migrates."""
    has_said = False
    while count := count_missing_migrations():
        if not has_said:
            report(f"the database lacks {count} migrations: waiting for `manage.py migrate`")
        has_said = True
        time.sleep(1)
