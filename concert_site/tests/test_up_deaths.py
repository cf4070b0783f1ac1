"""What a site makes of processes that are frozen or killed, those of `manage.py up` included."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.embedded.redis import socket_path
from concert_site.embedded.supervisor import in_words
from concert_site.lib.heartbeats import BEAT, heartbeat_key
from concert_site.operations.monitoring import MAILS, TICK
from concert_site.tests.up_process import Site, Up, is_gone, site_in_a_folder, wait_until

# Two as promised, and what a busy machine takes.
SECONDS = 4.0
# More than the web process has threads.
CROWD = 20
OTHERS = ("beat", "ticks", "worker")
SILENT = "PostgreSQL says nothing"
LEASES = "select 1 from pg_stat_activity where application_name like 'beat of %'"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_in_a_folder("shared") as site:
        yield site


@pytest.fixture
def up(site: Site) -> Up:
    return site.up


# --- Frozen: nobody waits for it, and it is back once it goes on -------------------------------


@contextmanager
def frozen(up: Up) -> Iterator[None]:
    """Every process of PostgreSQL stopped; none is missed that was just being made."""
    postmaster = psutil.Process(up.pids()["postgres"])
    os.kill(postmaster.pid, signal.SIGSTOP)
    everybody = [postmaster, *postmaster.children(recursive=True)]
    tell(everybody, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(everybody, signal.SIGCONT)


def tell(processes: list[psutil.Process], number: int) -> None:
    """Signal those that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def ask(up: Up, path: str) -> tuple[int, float]:
    """The status of an answer, and how many seconds it took."""
    begun = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status, time.monotonic() - begun


def said_by(up: Up, name: str) -> str:
    return (up.data_dir / "log" / f"{name}.log").read_text()


def have_all_begun(up: Up) -> bool:
    """Whether beat and both workers have left a trace."""
    names = [heartbeat_key(name) for name in (BEAT, TICK, MAILS)]
    with Redis(unix_socket_path=str(socket_path(DataDir(up.data_dir)))) as redis:
        return bool(redis.exists(*names) == len(names))


def last_tick_seconds(up: Up) -> float:
    """How long ago a tick came, as far as is known."""
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=30)) as connection:
        connection.request("GET", "/readyz")
        return float(json.load(connection.getresponse())["last_tick_seconds"] or "inf")


def ask_at_once(up: Up, path: str) -> list[tuple[int, float]]:
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(lambda _: ask(up, path), range(CROWD)))


def test_a_frozen_postgres_holds_up_nobody_and_is_back_by_itself(up: Up) -> None:
    # Remembered nowhere.
    path = "/api/v1/concerts/?search=nobody"
    assert {status for status, _ in ask_at_once(up, path)} == {200}
    # Who has not begun to work by then waits for PostgreSQL before it watches it.
    wait_until(lambda: have_all_begun(up), "everybody is at work", 25)
    # One that is frozen before has none to give up: it says that it can't ask for it.
    with psycopg.connect(url(DataDir(up.data_dir)), autocommit=True) as looker:
        wait_until(lambda: looker.execute(LEASES).fetchone(), "beat has its lease", 25)

    with frozen(up):
        first, again = ask_at_once(up, path), ask_at_once(up, path)
        alive, ready = ask(up, "/healthz"), ask(up, "/readyz")
        # Each has given up what it waited on; beat, the lease.
        for name in OTHERS:
            wait_until(lambda name=name: SILENT in said_by(up, name), f"{name} hangs up", 25)
        wait_until(lambda: "hands out nothing for now" in said_by(up, "beat"), "beat gives its lease up", 25)

    assert {status for status, _ in first + again} == {503}
    assert max(seconds for _, seconds in first) < SECONDS
    # By then it is known, and nobody waits at all.
    assert max(seconds for _, seconds in again) < SECONDS / 2
    assert (alive[0], ready[0]) == (200, 503)
    wait_until(lambda: ask(up, path)[0] == 200, "PostgreSQL is asked again")
    for name in ("web", *OTHERS):
        wait_until(lambda name=name: "PostgreSQL answers again" in said_by(up, name), f"{name} works again", 10)
        assert said_by(up, name).count(SILENT) == 1
    wait_until(lambda: last_tick_seconds(up) < 1.5, "beat has its lease again and sends ticks", 10)


# --- Killed ------------------------------------------------------------------------------------


def count_kept(data_dir: Path) -> int:
    """How many rows survived; each call adds one more."""
    with psycopg.connect(url(DataDir(data_dir))) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (one int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row
    return int(row[0])


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


@pytest.mark.parametrize("name", ["web", "ticks", "worker", "beat", "redis", "postgres"])
def test_child_that_is_killed_is_started_again(up: Up, name: str) -> None:
    before = up.pids()[name]

    os.kill(before, signal.SIGKILL)

    wait_until(lambda: up.pids()[name] != before and psutil.pid_exists(up.pids()[name]), f"{name} is back")
    wait_until(up.answers, "the site answers again")
    assert f"{name} ended (killed by SIGKILL)" in up.stderr.read_text()


def test_web_worker_that_is_killed_is_replaced(up: Up) -> None:
    server = psutil.Process(up.pids()["web"])
    before = server.children()
    # Where it isn't forked, something else is there that keeps track of what multiprocessing shares.
    worker = next(child for child in before if "resource_tracker" not in " ".join(child.cmdline()))

    worker.kill()

    wait_until(lambda: is_gone(worker) and len(server.children()) == len(before), "granian has its workers again")
    wait_until(up.answers, "the site answers again")
    assert up.pids()["web"] == server.pid


def test_killing_up_alone_orphans_nothing(up: Up) -> None:
    everybody = up.everybody()

    up.process.kill()
    up.process.wait()

    wait_until(lambda: port_is_free(up.port), "nobody has the port", 60)
    wait_until(lambda: all(is_gone(process) for process in everybody), "everybody is gone", 60)


def test_next_up_ends_what_a_killed_one_left_and_has_everything(site: Site) -> None:
    first = site.up
    everybody = first.everybody()
    kept = count_kept(first.data_dir)

    watchdog = next(process for process in everybody if "watchdog.py" in " ".join(process.cmdline()))
    watchdog.kill()
    first.process.kill()
    first.process.wait()

    again = site.up
    assert [process for process in everybody if not is_gone(process)] == []
    assert count_kept(again.data_dir) == kept + 1


def test_killing_everybody_at_once_loses_nothing(site: Site) -> None:
    first = site.up
    kept = count_kept(first.data_dir)

    for process in first.everybody():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    first.process.wait()
    # The number of the dead server belongs to somebody else by the time of the next start.
    pid_file = first.data_dir / "postgres" / "postmaster.pid"
    _, rest = pid_file.read_text().split("\n", 1)
    pid_file.write_text(f"{os.getpid()}\n{rest}")

    again = site.up
    assert again.answers()
    assert count_kept(again.data_dir) == kept + 1


def test_every_end_of_a_process_has_words() -> None:
    assert in_words(3) == "exit code 3"
    assert in_words(-signal.SIGKILL) == "killed by SIGKILL"
    assert in_words(-(signal.SIGRTMIN + 5)) == f"killed by signal {signal.SIGRTMIN + 5}"
