"""What `manage.py up` makes of processes that are killed, its own included."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.embedded.supervisor import in_words
from concert_site.tests.up_process import Site, Up, is_gone, wait_until


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="up-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    site = Site(folder / "shared")
    yield site
    site.discard()


@pytest.fixture
def up(site: Site) -> Up:
    return site.up


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
