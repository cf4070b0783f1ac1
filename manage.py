#!/usr/bin/env python
"""Django's command line, with the data directory's services and secrets behind it."""

import sys

from concert_site.embedded.environment import prepared
from concert_site.embedded.errors import CannotStart


def main() -> None:
    """Run a command."""
    try:
        with prepared(sys.argv) as argv:
            # Only now: settings read the environment when Django is loaded.
            from django.core.management import execute_from_command_line

            execute_from_command_line(argv)
    except CannotStart as error:
        sys.exit(f"manage.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
