"""Django's command line, without tracebacks for what is not a fault of the code."""

import gc
import os
import platform
import sys

import django
from django.conf import ENVIRONMENT_VARIABLE, settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import ProgrammingError, connection

from concert_site import __version__
from concert_site.embedded import secret_files
from concert_site.embedded.errors import CannotStart, in_one_line
from concert_site.env_vars import Env
from concert_site.management.lookalikes import lookalikes


def execute(argv: list[str]) -> None:
    """Run a command.

    :raises CannotStart: if a variable of the environment is wrong, or the database was never migrated
    """
    if argv[1:] in (["version"], ["--version"]):
        # Django's own of these names know nothing of the site, and settings may be what somebody has yet to write.
        print(version())
        return
    load_settings()
    try:
        django.setup()
        # Nobody needs to look through what is there by now.
        gc.freeze()
        gc.enable()
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        raise CannotStart(in_one_line(error)) from error
    except ProgrammingError as error:
        if is_migrated():
            raise
        raise CannotStart("the database has no tables: run `manage.py migrate` or `manage.py up` first") from error


def version() -> str:
    """What runs here, for a report of a fault."""
    return f"Frontrow {__version__} (Django {django.get_version()}, Python {platform.python_version()})"


def load_settings() -> None:
    """Load the settings before Django does: it would go on without them as far as it gets.

    :raises CannotStart: naming the variable that is wrong
    """
    try:
        settings.INSTALLED_APPS  # noqa: B018  the look is what loads them
    # The latter is what libraries say of a value they can't read.
    except (ImproperlyConfigured, ValueError) as error:
        raise CannotStart(in_one_line(error)) from error
    except ModuleNotFoundError as error:
        if error.name != os.environ[ENVIRONMENT_VARIABLE]:
            raise
        raise CannotStart(f"{ENVIRONMENT_VARIABLE}={error.name} is no module of settings") from error
    for line in lookalikes(os.environ, Env.names_read | set(secret_files.EARLY) | set(secret_files.SECRETS)):
        print(f"manage.py: warning: {line}", file=sys.stderr)


def is_migrated() -> bool:
    return "django_migrations" in connection.introspection.table_names()
