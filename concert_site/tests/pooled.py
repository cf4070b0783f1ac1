"""What tests need to know when a pooler lies between them and PostgreSQL (`make test-pooler`).

It keeps server processes for whoever comes next: what was set for a database reaches none of those that are there, and
no database can be dropped or copied while one is connected to it.
"""

import os
import time

import psycopg
from django.conf import settings
from django.db import connection

# Set by bench/servers.py: the way to PostgreSQL past its pooler.
DIRECT = "DIRECT_DATABASE_URL"
END = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = %s"
# For the pooler to see that a process of the server has ended.
NOTICED_SECONDS = 0.05


def direct() -> dict[str, str]:
    """How to reach the tests' PostgreSQL without a pooler, at its own database."""
    if settings.DATABASE_POOLER:
        found = psycopg.conninfo.conninfo_to_dict(os.environ[DIRECT])
        return {name: str(found[name]) for name in ("host", "port", "user")} | {"dbname": "postgres"}
    found = connection.settings_dict
    return {"host": found["OPTIONS"].get("host") or found["HOST"], "user": found["USER"], "dbname": "postgres"}


def end_sessions() -> None:
    """Behind a pooler, end what it keeps open to this test's database, so that the next statement meets a new process.

    Nobody may be in the middle of anything.
    """
    if not settings.DATABASE_POOLER:
        return
    with psycopg.connect(**direct(), autocommit=True) as past_it:
        database = connection.settings_dict["NAME"]
        while past_it.execute(END, [database]).fetchone() != (0,):
            time.sleep(0.01)
    time.sleep(NOTICED_SECONDS)
