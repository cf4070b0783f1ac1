"""The secrets: demanded in production, made up and kept in the data directory otherwise."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from concert_site.embedded.data_dir import write_closed
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.modes import PRODUCTION
from concert_site.embedded.strength import weakness_of

MAKERS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": partial(secrets.token_urlsafe, 50),
    # It signs access tokens by HMAC: only this site checks them, and that is ten times as fast as RSA.
    "JWT_PRIVATE_KEY": partial(secrets.token_hex, 32),
}


def require(environ: Mapping[str, str]) -> None:
    """Insist that production was given its secrets, and good ones.

    :raises CannotStart: naming those that are missing or weak
    """
    missing = [name for name in MAKERS if not environ.get(name)]
    if missing:
        raise CannotStart(
            f"{' and '.join(missing)} not set, and MODE={PRODUCTION} (the default) needs them in the environment"
            " (to just try it: `make demo`, or `manage.py up --demo`)"
        )
    # Settings ask again, in processes that are started without manage.py.
    if complaint := weakness_of({name: environ[name] for name in MAKERS}):
        raise CannotStart(complaint)


def stored_secrets(data_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets of a data directory, made when first asked for; the environment's own come first."""
    return {name: environ.get(name) or read_or_make(data_dir / name.lower(), make) for name, make in MAKERS.items()}


def throwaway_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Secrets for commands that sign nothing, good for one process."""
    return {name: environ.get(name) or make() for name, make in MAKERS.items()}


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file; made first if there is none. Call it while the data directory is being set up."""
    if not path.exists():
        write_closed(path, make())
    return path.read_text()
