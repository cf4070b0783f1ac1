"""Commands on their own: they start the services, share them, and leave none behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.db import connection

from concert_site.embedded import modes, redis
from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.postgres import stray_processes
from concert_site.tests import template_database
from concert_site.tests.pooled import as_given
from concert_site.tests.up_process import SHOW_FOLDER, Up, clean_environment, manage, wait_until

# What a command does before it loads Django is what most of these are about, so they go without.
WAIT_FOR_INPUT = """
import os, psycopg
from concert_site.embedded.environment import prepared
with prepared(["manage.py", "shell"]), psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    print(*connection.execute("SHOW data_directory").fetchone(), flush=True)
    input()
    print(*connection.execute("SELECT 1").fetchone())
"""
ASK_REDIS = """
import os, sys
from redis import Redis
from concert_site.embedded.environment import prepared
with prepared(["manage.py", "shell"]):
    print(getattr(Redis.from_url(os.environ["REDIS_URL"]), sys.argv[1])(*sys.argv[2:]))
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # A short path: sockets of a long one live elsewhere, which is one test's matter alone.
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    yield folder / "d"
    shutil.rmtree(folder)


def begin_waiting(data_dir: Path) -> subprocess.Popen[str]:
    """A command that has its services, and works on after a line of input."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT_FOR_INPUT],
        cwd=PROJECT,
        env=clean_environment(MODE="test", DATA_DIR=str(data_dir)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == f"{data_dir}/postgres\n"
    return process


def is_quiet(data_dir: Path) -> bool:
    """Whether neither server runs there."""
    redis = [process for process in psutil.process_iter(["cmdline"]) if str(data_dir) in str(process.info["cmdline"])]
    return not stray_processes(DataDir(data_dir)) and not redis


def test_command_starts_the_services_and_stops_them(data_dir: Path) -> None:
    # The collector, which waits while Django loads, is on by then.
    shown = f"{SHOW_FOLDER}; import gc; print(gc.isenabled())"
    done = manage("shell", "-v0", "-c", shown, MODE="test", DATA_DIR=str(data_dir))
    assert (done.stdout, done.stderr) == (f"{data_dir}/postgres\nTrue\n", "")
    assert is_quiet(data_dir)


def test_command_on_a_database_that_was_never_migrated_says_what_to_run(data_dir: Path) -> None:
    done = manage(
        "make_fans", "1", MODE="test", DATA_DIR=str(data_dir), **as_given(), REDIS_URL=os.environ["REDIS_URL"]
    )
    assert done.returncode != 0
    assert done.stdout == ""
    # A pooler that is new to this is told of first.
    *_, said = done.stderr.splitlines()
    assert said == "manage.py: the database has no tables: run `manage.py migrate` or `manage.py up` first"


# The tests' own PostgreSQL spares each the start of another.
def ping(data_dir: Path, *words: str) -> tuple[str, str]:
    """What a command prints that asks Redis, and what it complains of."""
    where = {"MODE": "test", "DATA_DIR": str(data_dir)} | as_given()
    done = subprocess.run(
        [sys.executable, "-c", ASK_REDIS, *(words or ("ping",))],
        cwd=PROJECT,
        env=clean_environment(**where),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout, done.stderr


def test_damaged_file_of_redis_is_set_aside(data_dir: Path) -> None:
    aside, damage = data_dir / "redis.damaged", b"*1\r\n$4\r\nKING\r\n"
    assert ping(data_dir) == ("True\n", "")
    assert not aside.exists()
    (file,) = (data_dir / "redis").rglob("*.incr.aof")
    file.write_bytes(damage)

    assert ping(data_dir) == ("True\n", "")

    assert next(aside.rglob("*.incr.aof")).read_bytes() == damage
    assert "damaged, set aside" in (data_dir / "log" / "redis.log").read_text()
    assert ping(data_dir) == ("True\n", "")


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("base.rdb", b"REDIS0009 and then no sense"),
        ("base.rdb", b"VALKEY"),
        ("manifest", b"nothing of the kind\n"),
        ("incr.aof", b"no command\r\n"),
    ],
)
def test_each_damage_is_known_by_the_servers_words(data_dir: Path, part: str, damage: bytes) -> None:
    folder = DataDir(data_dir)
    with folder.being_set_up():
        run_redis(folder, is_well=True)
    (file,) = folder.redis.rglob(f"*.{part}")
    file.write_bytes(damage)
    for _start in range(redis.STARTS_ON_DAMAGE):
        redis.prepare(folder)
        assert file.exists()
        run_redis(folder)

    redis.prepare(folder)

    assert not file.exists()


def test_a_start_between_two_damages_tells_them_apart(data_dir: Path) -> None:
    folder = DataDir(data_dir)
    log = folder.log / "redis.log"
    with folder.being_set_up():
        log.write_text("Bad file format reading the append only file\n")
    assert redis.starts_on_damage(log) == 1

    run_redis(folder, is_well=True)

    assert redis.starts_on_damage(log) == 0


def run_redis(folder: DataDir, *, is_well: bool = False) -> None:
    """The server as the site runs it, to its own end, or ended once it is well."""
    redis.prepare(folder)
    log = folder.log / "redis.log"
    with log.open("ab") as file:
        server = subprocess.Popen(redis.program(folder).argv, stdout=file, stderr=file)
    try:
        if is_well:
            wait_until(lambda: redis.WELL_AGAIN.search(log.read_text()), "Redis takes connections", 20)
            server.terminate()
        server.wait(20)
    finally:
        server.kill()


def test_file_of_an_older_redis_is_taken_over(data_dir: Path) -> None:
    # Redis 6.2, which the site came with before, kept one file beside the folder that is used now.
    (data_dir / "redis").mkdir(parents=True)
    (data_dir / "redis" / "appendonly.aof").write_bytes(b"*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$4\r\nkept\r\n")

    assert ping(data_dir, "get", "old") == ("b'kept'\n", "")

    assert not (data_dir / "redis.damaged").exists()


@pytest.mark.django_db
def test_fault_in_a_statement_keeps_its_traceback(data_dir: Path) -> None:
    # A database that has tables: the one of this worker's tests.
    own = as_given(connection.settings_dict["NAME"])
    fault = "from django.db import connection; connection.cursor().execute('SELECT 1 FROM nowhere')"
    done = manage("shell", "-v0", "-c", fault, MODE="test", DATA_DIR=str(data_dir), **own)
    assert done.stderr.startswith("Traceback")
    assert 'relation "nowhere" does not exist' in done.stderr


def test_folder_too_deep_or_too_odd_for_a_socket_works(data_dir: Path) -> None:
    odd = data_dir / "a folder with spaces, and a comma" / ("deep" * 20)

    rest, _ = begin_waiting(odd).communicate("go\n", timeout=60)

    sockets = (odd / "run").resolve()
    assert rest == "1\n"
    assert len(str(sockets)) < 80
    assert sockets.stat().st_mode & 0o066 == 0
    shutil.rmtree(sockets)


def test_second_command_outlives_the_one_that_started_the_services(data_dir: Path) -> None:
    first, second = begin_waiting(data_dir), begin_waiting(data_dir)

    first.communicate("go\n", timeout=60)
    rest, _ = second.communicate("go\n", timeout=60)

    assert (rest, second.returncode) == ("1\n", 0)
    assert is_quiet(data_dir)


def test_killed_command_leaves_no_services(data_dir: Path) -> None:
    command = begin_waiting(data_dir)
    command.kill()
    command.communicate()
    wait_until(lambda: is_quiet(data_dir), "the services stop", 60)


def test_up_says_that_a_command_uses_the_data_directory(data_dir: Path) -> None:
    command = begin_waiting(data_dir)
    (line,) = Up(data_dir).complaint()
    assert "a manage.py command" in line
    command.communicate("go\n", timeout=60)


@pytest.mark.django_db
def test_services_of_ones_own_take_the_place_of_the_embedded_ones(data_dir: Path) -> None:
    copy = f"own_{os.getpid()}"
    with template_database.another(copy):
        own = as_given(copy) | {"REDIS_URL": os.environ["REDIS_URL"]}
        up = Up(data_dir, **own).wait_ready()
        try:
            assert set(up.pids()) == {"web", "ticks", "worker", "beat"}
            assert up.answers()
        finally:
            up.discard()
    assert not (data_dir / "postgres").exists()


@pytest.mark.parametrize(
    "words",
    [["draw_states", "--check"], ["up", "--help"]],
)
def test_command_that_reads_code_leaves_the_disk_alone(data_dir: Path, words: list[str]) -> None:
    done = manage(*words, DATA_DIR=str(data_dir))
    assert done.returncode == 0, done.stderr
    assert not data_dir.exists()


def test_mode_is_remembered_asked_for_or_production(tmp_path: Path) -> None:
    assert modes.decide_mode(None, tmp_path) == modes.PRODUCTION
    modes.remember_mode(tmp_path, modes.DEMO)
    assert modes.decide_mode(None, tmp_path) == modes.DEMO
    assert modes.decide_mode(modes.DEMO, tmp_path) == modes.DEMO
    with pytest.raises(CannotStart, match="belongs to MODE=demo"):
        modes.decide_mode(modes.TEST, tmp_path)


def test_lock_is_shared_or_held_alone(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_shared()
    assert not second.try_exclusive()
    assert not second.is_held_alone()
    first.unlock()
    assert second.try_exclusive()
    assert first.is_held_alone()
    first.close()
    second.close()
