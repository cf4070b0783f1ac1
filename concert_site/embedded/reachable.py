"""Whether a PostgreSQL or Redis of somebody else's can be reached, said before anything trips over it."""

import os
import re
import time
from collections.abc import Callable, Mapping

from concert_site.embedded.errors import CannotStart, in_one_line
from concert_site.embedded.redis_address import tls_of

PATIENCE_SECONDS = 5.0


def require(environ: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Try the services that are named by these variables, as far as they are set, for a few seconds.

    :raises CannotStart: naming the one that can't be reached
    """
    for name, url in ((name, environ[name]) for name in names if environ.get(name)):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while problem := ATTEMPTS[name](url):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{name} ({without_password(url)}) can't be reached: {problem};"
                    " start that service, correct the variable, or unset it to use the embedded one"
                )
            time.sleep(0.2)


def try_postgres(url: str) -> str | None:
    """What keeps us from connecting, in one line; None if nothing does."""
    # Imported here because the embedded services, the usual case, need no driver this early.
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error as error:
        return without_login(in_one_line(error), url)
    return None


def without_login(said: str, url: str) -> str:
    """What was said of an address, without what is quoted of its login: libpq takes a part of a password for a host."""
    login = url.rpartition("@")[0]
    return re.sub(
        r"""(["'])(.*?)\1""", lambda quoted: "***" if "@" in quoted[2] or quoted[2] in login else quoted[0], said
    )


def try_redis(url: str) -> str | None:
    # As above.
    import redis

    from concert_site.embedded.redis_clients import connect

    password = os.environ.get("REDIS_SENTINEL_PASSWORD", "")
    try:
        with connect(url, tls_of(os.environ), sentinel_password=password, timeout=2) as connection:
            connection.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        return in_one_line(error)
    return None


ATTEMPTS: Mapping[str, Callable[[str], str | None]] = {
    "DATABASE_URL": try_postgres,
    "REDIS_URL": try_redis,
    "BROKER_URL": try_redis,
}


def without_password(url: str) -> str:
    # To the last @: Redis's may have one in its password.
    return re.sub(r"(://[^:/@]*):\S*@", r"\1:***@", url)
