"""Whatever keeps Frontrow from starting is said in one line, without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from concert_site.embedded import data_dir
from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.reachable import without_login, without_password
from concert_site.embedded.web import Address, require_free
from concert_site.tests.up_process import clean_environment, free_port, manage

NOBODY = "127.0.0.1:1"
# `manage.py check`, interrupted at the import of the module that is named.
PRESS_CTRL_C = """
import os, runpy, signal, sys
class Interrupt:
    def find_spec(self, name, *rest):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
module = sys.argv.pop()
sys.argv = ["manage.py", "check"]
# A shell starts what it runs in the background deaf to Ctrl-C, and the tests may run so.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
runpy.run_path("manage.py", run_name="__main__")
"""


def refusal(*words: str, **environment: str) -> str:
    """The one line that a command says before it gives up."""
    done = manage(*words, **environment)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_production_without_secrets(tmp_path: Path) -> None:
    line = refusal("up", f"--data-dir={tmp_path / 'new'}")
    assert "SECRET_KEY and JWT_PRIVATE_KEY not set" in line
    assert not (tmp_path / "new").exists()


def test_command_in_production_without_secrets(tmp_path: Path) -> None:
    assert "JWT_PRIVATE_KEY not set" in refusal("migrate", f"--data-dir={tmp_path}", SECRET_KEY="s" * 50)


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["migrate"], {"MODE": "debug"}, "MODE=debug is not a mode"),
        (["up", "--demo"], {"MODE": "production"}, "--demo means MODE=demo"),
    ],
)
def test_mode_that_makes_no_sense(tmp_path: Path, words: list[str], environment: dict[str, str], said: str) -> None:
    assert said in refusal(*words, f"--data-dir={tmp_path}", **environment)


def test_data_directory_of_another_mode(tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("production\n")
    line = refusal("up", "--demo", f"--data-dir={tmp_path}")
    assert "belongs to MODE=production" in line
    assert "--data-dir" in line


def test_database_that_is_away(tmp_path: Path) -> None:
    database = f"postgresql://frontrow:secret@{NOBODY}/frontrow"
    line = refusal("up", f"--data-dir={tmp_path}", f"--port={free_port()}", MODE="test", DATABASE_URL=database)
    assert "DATABASE_URL" in line
    assert "secret" not in line


def test_redis_that_is_away(tmp_path: Path) -> None:
    port = f"--port={free_port()}"
    line = refusal("up", f"--data-dir={tmp_path}", port, MODE="test", REDIS_URL=f"redis://{NOBODY}/0")
    assert "REDIS_URL" in line


def test_command_with_a_database_that_is_away(tmp_path: Path) -> None:
    database = f"postgresql://{NOBODY}/frontrow"
    assert "DATABASE_URL" in refusal("migrate", f"--data-dir={tmp_path}", MODE="test", DATABASE_URL=database)


def test_data_directory_that_is_no_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "can't be written" in refusal("up", f"--data-dir={file}", MODE="test")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_data_directory_that_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "can't be written" in refusal("up", f"--data-dir={tmp_path}", MODE="test")


def test_address_of_another_machine(tmp_path: Path) -> None:
    line = refusal("up", f"--data-dir={tmp_path}", "--host=192.0.2.1", f"--port={free_port()}", MODE="test")
    assert "192.0.2.1" in line


def test_variable_that_makes_no_sense(tmp_path: Path) -> None:
    line = refusal("help", DATA_DIR=str(tmp_path / "new"), MODE="test", HOLD_SECONDS="abc")
    assert line == "manage.py: HOLD_SECONDS=abc is not a whole number of at least 1.\n"
    assert not (tmp_path / "new" / "postgres").exists()


@pytest.mark.parametrize("login", ["fan:hunter2", ":hunter2", "fan:hun@ter:2"])
def test_passwords_of_what_is_away_are_not_said(login: str) -> None:
    assert without_password(f"redis://{login}@host:6379/0") == f"redis://{login.partition(':')[0]}:***@host:6379/0"


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        ("postgresql://u:pa:ss@h/x", 'end of "]" in URI: "postgresql://u:pa:ss@h/x"', "end of *** in URI: ***"),
        ("postgresql://u:p@ss@h/x", "failed to resolve host 'ss@h'", "failed to resolve host ***"),
        ("postgresql://u:pa/ss@h/x", 'invalid integer value "pa" for "port"', 'invalid integer value *** for "port"'),
        ("postgresql://u:p@h/x?no=1", 'invalid query parameter: "no"', 'invalid query parameter: "no"'),
    ],
)
def test_what_the_driver_quotes_of_a_password_is_not_told(url, said, told):
    assert without_login(said.replace('end of "]"', 'end of "u:pa"'), url) == told


@pytest.mark.parametrize("module", ["concert_site.embedded.environment", "reservations.models"])
def test_ctrl_c_while_modules_load_ends_quietly(tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESS_CTRL_C, module],
        cwd=PROJECT,
        env=clean_environment(DATA_DIR=str(tmp_path), MODE="test"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("port", [65536, 99999, -1])
def test_each_port_that_there_is_not(port: int) -> None:
    with pytest.raises(CannotStart, match=f"--port {port} is not a port"):
        require_free(Address("127.0.0.1", port))


def test_data_directory_that_somebody_sets_up_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_dir, "SET_UP_SECONDS", 0.1)
    somebody = FileLock(tmp_path / "setup")
    assert somebody.try_exclusive()

    with pytest.raises(CannotStart, match="setting up"), DataDir(tmp_path).being_set_up():
        pytest.fail("it went on without the lock")

    somebody.close()
    with DataDir(tmp_path).being_set_up():
        assert (tmp_path / "log").is_dir()
