"""`manage.py up` while nothing goes wrong, and what others in the same data directory get to hear."""

import http.client
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.tests.up_process import Site, Up, is_gone, manage, wait_until


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="up-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    site = Site(folder / "shared", is_new=True)
    yield site
    site.discard()


@pytest.fixture
def up(site: Site) -> Up:
    return site.up


def test_ready_is_said_on_a_line_of_its_own_and_is_true(up: Up) -> None:
    assert up.stdout.read_text() == f"{up.ready_line}\n"
    assert up.answers()


def test_every_process_runs(up: Up) -> None:
    assert set(up.pids()) == {"postgres", "redis", "web", "ticks", "worker", "beat"}
    assert all(psutil.pid_exists(pid) for pid in up.pids().values())


def test_links_in_mails_lead_to_where_it_listens(up: Up) -> None:
    fan = {"email": "fan@example.com", "password": "correct horse 9"}
    with closing(http.client.HTTPConnection("127.0.0.1", up.port)) as connection:
        for path, body, status in (("signup", fan, 200), ("password/request", {"email": fan["email"]}, 401)):
            address, headers = f"/_allauth/app/v1/auth/{path}", {"Content-Type": "application/json"}
            connection.request("POST", address, json.dumps(body), headers)
            with connection.getresponse() as answer:
                assert (answer.status, bool(answer.read())) == (status, True)

    # The signature of every mail; in MODE=test they are printed.
    signature = f"Frontrow\n{up.url.rstrip('/')}\n"
    wait_until(lambda: signature in (up.data_dir / "log" / "web.log").read_text(), "a mail says where the site is")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_processes_are_forked_from_up_and_share_none_of_its_locks_and_pipes(up: Up) -> None:
    names = [name for name in up.pids() if name not in {"postgres", "redis"}]
    forked = {name: psutil.Process(up.pids()[name]) for name in names}

    assert {name: process.name() for name, process in forked.items()} == {name: f"frontrow-{name}" for name in names}
    ours = files_of(psutil.Process(up.process.pid))
    assert str(up.data_dir / "lock") in ours
    for process in forked.values():
        assert files_of(process) & ours <= {"/dev/null"}


def files_of(process: psutil.Process) -> set[str]:
    """What it has open beside standard input and output: files, pipes, sockets."""
    return {str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir() if int(file.name) > 2}


def test_secrets_data_and_sockets_are_closed_to_others(up: Up) -> None:
    closed = ["secret_key", "jwt_private_key", "mode", "processes.json", "postgres", "redis", "log"]
    closed += ["run/postgres", "run/redis.sock"]
    assert [name for name in closed if (up.data_dir / name).stat().st_mode & 0o077] == []


def test_command_attaches_to_the_running_services_and_has_the_client_of_the_wheel_on_its_path(up: Up) -> None:
    before = up.pids()

    where = "SELECT current_user, current_setting('data_directory')"
    done = manage("dbshell", f"--data-dir={up.data_dir}", "--", "-Atc", where)

    assert (done.stdout, done.stderr, done.returncode) == (f"frontrow|{up.data_dir}/postgres\n", "", 0)
    assert up.pids() == before


def test_second_up_is_told_who_has_the_data_directory(up: Up) -> None:
    done = manage("up", "--data-dir", str(up.data_dir), "--port", "0", MODE="test")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert f"(process {up.process.pid})" in done.stderr
    assert "--data-dir" in done.stderr


def test_second_up_is_told_that_the_port_is_taken(up: Up, folder: Path) -> None:
    second = Up(folder / "second", port=up.port, is_new=True)
    (line,) = second.complaint()
    assert f"port {up.port}" in line
    assert "--port" in line
    assert not (second.data_dir / "postgres").exists()


def test_command_of_another_mode_is_refused(up: Up) -> None:
    done = manage("migrate", "--check", DATA_DIR=str(up.data_dir), MODE="demo")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "MODE=test" in done.stderr


def test_up_stops_everything_and_starts_again_with_its_data(site: Site) -> None:
    first = site.up
    everybody = first.everybody()
    database = url(DataDir(first.data_dir))
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    assert first.stop(signal.SIGINT) == 0
    assert [process for process in everybody if not is_gone(process)] == []

    again = site.up
    assert again.process.pid != first.process.pid
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    assert again.stop(signal.SIGTERM) == 0
