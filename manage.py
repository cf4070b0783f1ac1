#!/usr/bin/env python
"""Django's command line, with the data directory's services and secrets behind it."""

import gc
import sys


def main() -> None:
    """Run a command; Ctrl-C ends it quietly, also while the first modules load."""
    # What loads now stays: to look through it again and again took a sixth of each start. `execute` turns it on.
    gc.disable()
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)


def run() -> None:
    """Prepare the environment, run the command in it, and say in one line what kept it from running."""
    from concert_site.embedded.environment import prepared
    from concert_site.embedded.errors import CannotStart

    try:
        with prepared(sys.argv) as argv:
            # Only now: settings read the environment when Django is loaded.
            from concert_site.management.command_line import execute

            execute(argv)
    except CannotStart as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
