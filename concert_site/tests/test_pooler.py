"""The site behind PgBouncer in transaction mode: a real one, where it is installed."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from concert_site.lib.database import pooler
from concert_site.operations.backup.encryption import new_identity
from concert_site.tests import template_database
from concert_site.tests.pooled import direct
from concert_site.tests.up_process import Up, free_port, manage, wait_until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DATABASE = "pooled"
SERVERS = 4
FANS = 24
KEPT = {
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers_per_gather": "0",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "60000",
}
CONFIG = """
[databases]
{database} = host={host} port={server_port} user={user} connect_query='select 1'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 500
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")


# --- What is asked for, and where ------------------------------------------------------------------


def shown() -> dict[str, str]:
    """What the connection of this test has."""
    with connection.cursor() as cursor:
        cursor.execute("select name, setting from pg_settings where name = any(%s)", [list(KEPT)])
        return dict(cursor.fetchall())


@pytest.mark.django_db
def test_a_connection_of_its_own_asks_at_its_start():
    assert shown() == KEPT == settings.CONNECTION_SETTINGS


@pytest.mark.django_db
def test_postgresql_keeps_the_settings_for_our_role_in_our_database():
    with connection.cursor() as cursor:
        cursor.execute("select set_config('lock_timeout', '7', false)")

    pooler.store_settings(connection)

    with connection.cursor() as cursor:
        cursor.execute(
            "select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase"
            " where datname = current_database() and s.setrole = current_user::regrole"
        )
        (kept,) = cursor.fetchone()
    assert sorted(kept) == sorted(f"{name}={value}" for name, value in KEPT.items())
    # The one that was there before has them, too.
    assert shown() == KEPT


@pytest.fixture
def first_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has not looked yet, and was told of no pooler."""
    monkeypatch.setattr(settings, "DATABASE_POOLER", False)
    monkeypatch.setattr(pooler, "_looked", threading.Event())


def test_who_drops_what_a_connection_asks_for_is_refused(db, first_connection):
    with (
        psycopg.connect(**direct()) as raw,
        pytest.raises(ImproperlyConfigured, match=r"lock_timeout is 0.*DATABASE_POOLER=on"),
    ):
        pooler.require_kept_options(raw)


@pytest.mark.django_db
def test_an_older_postgresql_is_refused_by_its_version(monkeypatch):
    monkeypatch.setitem(vars(connections["default"]), "pg_version", 140_023)
    with pytest.raises(ImproperlyConfigured, match=r"PostgreSQL 14\.23: 15 or later is needed"):
        connection.check_database_version_supported()


def test_the_pooler_is_asked_once_which_parameters_it_keeps(db, first_connection):
    options = " ".join(f"-c {name}={value}" for name, value in KEPT.items())
    with psycopg.connect(**direct(), options=options) as raw:
        pooler.require_kept_options(raw)
        assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    # A closed one would raise.
    pooler.require_kept_options(raw)


def test_what_another_role_has_migrated_is_kept_for_ours_as_well(db, first_connection, settings, caplog):
    settings.DATABASE_POOLER = True
    with connection.cursor() as cursor:
        cursor.execute("alter role current_user in database {} reset all".format(connection.settings_dict["NAME"]))

    pooler.apply_settings_at_start(connection=connection)

    with connection.cursor() as cursor:
        cursor.execute(pooler.KEPT)
        assert pooler.missing_settings(dict(line.split("=", 1) for (line,) in cursor.fetchall())) == ""
    (line,) = caplog.messages
    assert "RECONNECT" in line


# --- The whole of it -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pooler-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> dict[str, str]:
    """How to reach the tests' PostgreSQL without a pooler."""
    return direct()


@pytest.fixture(scope="module")
def bouncer(folder: Path, server: dict[str, str]) -> Iterator[int]:
    """The port of a PgBouncer in front of a database that another connection has migrated."""
    direct = psycopg.connect(**server, autocommit=True)
    direct.execute(f"drop database if exists {DATABASE} with (force)")
    direct.execute(f'create database {DATABASE} template "{template_database.template_name()}"')
    port = free_port()
    config = folder / "pgbouncer.ini"
    # As somebody else it may not see the folders above the socket: root's home, for one. It is begun in there instead.
    socket = Path(server["host"]) if server["host"].startswith("/") else None
    words = {"host": "/proc/self/cwd" if socket else server["host"], "user": server["user"]}
    words |= {"port": port, "folder": folder}
    words["server_port"] = server.get("port", 5432)
    config.write_text(CONFIG.format(database=DATABASE, servers=SERVERS, **words))
    # It refuses to be root: then it runs as whoever the socket belongs to.
    owner = socket.stat().st_uid if socket else pwd.getpwnam("nobody").pw_uid
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
        config.chmod(0o644)
    user = ["-u", pwd.getpwuid(owner).pw_name] if os.geteuid() == 0 else []
    process = subprocess.Popen([str(PGBOUNCER), "-q", *user, str(config)], cwd=socket, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: can_connect(port, server["user"]), "PgBouncer listens", 60)
        yield port
    finally:
        process.terminate()
        process.wait(60)
        direct.execute(f"drop database if exists {DATABASE} with (force)")
        direct.close()


def can_connect(port: int, user: str, **more: str) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=DATABASE, **more).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def up(folder: Path, bouncer: int, server: dict[str, str]) -> Iterator[Up]:
    """The whole site behind it."""
    environment = environment_of(bouncer, server)
    site = Up(folder / "data", **environment).wait_ready(120)
    yield site
    site.discard()


def environment_of(port: int, server: dict[str, str]) -> dict[str, str]:
    url = f"postgresql://{server['user']}@127.0.0.1:{port}/{DATABASE}"
    return {"DATABASE_URL": url, "DATABASE_POOLER": "on", "MODE": "test"}


def call(up: Up, token: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """A write of the API, as an app sends it."""  # Any: JSON
    data = None if body is None else json.dumps(body).encode()
    words = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"{up.url}api/v1/{path}", data, words, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@needs_pgbouncer
def test_control_pgbouncer_refuses_who_asks_for_settings_at_the_start(bouncer, server):
    assert not can_connect(bouncer, server["user"], options="-c lock_timeout=2000")


@needs_pgbouncer
def test_who_comes_without_the_setting_is_told_its_name(bouncer, server):
    environment = environment_of(bouncer, server) | {"DATABASE_POOLER": "off"}
    done = manage("migrate", "--check", **environment)
    assert done.returncode != 0
    assert done.stderr.strip() == (
        "manage.py: DATABASE_URL leads to a pooler, which refuses what connections ask for at their start:"
        " set DATABASE_POOLER=on."
    )


@needs_pgbouncer
def test_a_sale_goes_on_behind_a_pooler(up, bouncer, server):
    show = json.loads(up.command("make_show", "--seats=100", "--max-active=100"))
    lines = up.command("make_fans", str(FANS), "--balance=1000000").splitlines()
    tokens = [json.loads(line)["access_token"] for line in lines]

    def journey(nth: int) -> list[int]:
        """Join, hold, extend, pay and cancel, all at once with the others."""
        token = tokens[nth]
        joined, place = call(up, token, f"schedules/{show['schedule']}/queue-tokens/")
        # Who joins beside others waits for the next tick.
        wait_until(lambda: call(up, token, f"queue-tokens/{place['token']}/enter/")[0] == 200, "it is their turn")
        body = {"schedule": show["schedule"], "seats": show["seats"][4 * nth : 4 * nth + 2]}
        held, booking = call(up, token, "reservations/", body, **{"X-Queue-Token": place["token"]})
        first, second = [each["id"] for each in booking["reservations"]]
        extended, _ = call(up, token, f"reservations/{first}/extend/")
        paid, _ = call(up, token, "payments/", {"reservations": [first]})
        refunded, _ = call(up, token, f"reservations/{first}/cancel/", {"agreed_fee": 0})
        given_back, _ = call(up, token, f"reservations/{second}/cancel/")
        return [joined, held, extended, paid, refunded, given_back]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(journey, range(FANS)))

    assert answers == [[201, 201, 200, 201, 200, 200]] * FANS
    assert up.command("audit")


@needs_pgbouncer
def test_no_backup_is_made_through_it_since_pg_dump_would_leave_the_site_without_tables(up, bouncer, server, tmp_path):
    key = new_identity()[1]
    environment = environment_of(bouncer, server) | {"BACKUP_RECIPIENT": key, "BACKUP_TO": str(tmp_path)}
    done = manage("backup", DATA_DIR=str(up.data_dir), **environment)
    assert "DATABASE_URL leads to a pooler: name the server itself" in done.stderr
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert set(search_paths(bouncer, server["user"])) == {'"$user", public'}


def search_paths(port: int, user: str) -> list[str]:
    """Of the server processes, as its clients meet them."""

    def one(_nth: int) -> str:
        with psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=DATABASE, prepare_threshold=None) as client:
            (found,) = client.execute("select current_setting('search_path')").fetchone() or ("",)
            client.execute("select pg_sleep(0.3)")
        return str(found)

    with ThreadPoolExecutor(SERVERS) as pool:
        return list(pool.map(one, range(SERVERS)))


@needs_pgbouncer
def test_every_server_process_has_the_settings(up, bouncer, server):
    """Each of them: they are kept busy at the same moment, so that none is asked twice."""

    def settings_of_one() -> tuple[int, dict[str, str]]:
        with psycopg.connect(
            host="127.0.0.1", port=bouncer, user=server["user"], dbname=DATABASE, prepare_threshold=None
        ) as client:
            (pid,) = client.execute("select pg_backend_pid()").fetchone() or (0,)
            rows = client.execute("select name, setting from pg_settings where name = any(%s)", [list(KEPT)])
            found = dict(rows.fetchall())
            client.execute("select pg_sleep(0.5)")
        return pid, found

    with ThreadPoolExecutor(SERVERS) as pool:
        found = list(pool.map(lambda _nth: settings_of_one(), range(SERVERS)))

    assert len({pid for pid, _ in found}) > 1
    assert [each for _, each in found] == [KEPT] * SERVERS


@needs_pgbouncer
def test_who_waits_for_a_lock_behind_a_pooler_hears_so_in_time(up, bouncer, server):
    show = json.loads(up.command("make_show", "--seats=1"))
    token = json.loads(up.command("make_fans", "1"))["access_token"]
    _, place = call(up, token, f"schedules/{show['schedule']}/queue-tokens/")
    body = {"schedule": show["schedule"], "seats": show["seats"]}
    _, booking = call(up, token, "reservations/", body, **{"X-Queue-Token": place["token"]})
    (held,) = booking["reservations"]

    with psycopg.connect(**{**server, "dbname": DATABASE}) as other:
        other.execute("select 1 from concert_seat where id = %s for no key update", show["seats"])
        status, answer = call(up, token, f"reservations/{held['id']}/cancel/")

    assert (status, answer["errors"][0]["code"]) == (503, "unavailable")
