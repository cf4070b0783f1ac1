"""Secrets from files, and values as env files and shells hand them on."""

import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded import programs
from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.secret_files import SECRETS, resolve
from concert_site.embedded.strength import weakness_of
from concert_site.env_vars import Env
from concert_site.tests.up_process import clean_environment, manage

KEY = "kR8vXw2mQz5tY7uB1nC4pL6sD9fG3hJ0aE_Vx-WqZrTyUiOpAsDf"


@pytest.fixture(scope="module")
def pem():
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def resolved(**environ):
    resolve(environ)
    return environ


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_taken_from_its_file(tmp_path, name):
    file = tmp_path / "secret"
    file.write_text("s3cret value\r\n")
    assert resolved(**{f"{name}_FILE": str(file)}) == {name: "s3cret value"}
    assert resolved(**{f"{name}_FILE": f'"{file}"', name: ""}) == {name: "s3cret value"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_set_twice_is_refused(tmp_path, name):
    with pytest.raises(CannotStart, match=f"^{name} and {name}_FILE are both set: unset one of them$"):
        resolved(**{f"{name}_FILE": str(tmp_path), name: "s3cret"})


@pytest.mark.parametrize(
    ("content", "said"), [(None, "can't be read: No such file or directory"), (b" \n\n", "is empty"), (b"\xff", "text")]
)
def test_a_file_that_holds_no_secret_is_named(tmp_path, content, said):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CannotStart, match=f"^SECRET_KEY_FILE={file} .*{said}"):
        resolved(SECRET_KEY_FILE=str(file))


def test_a_file_that_is_not_named_is_none():
    assert resolved(SECRET_KEY_FILE="", MODE="'demo'", PATH='"x"') == {"MODE": "demo", "PATH": '"x"'}


@pytest.mark.parametrize("wrap", ["{}", '"{}"', "'{}'"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n"])
def test_a_key_in_pem_may_be_written_in_any_way(pem, wrap, end):
    found = resolved(JWT_PRIVATE_KEY=wrap.format(pem.replace("\n", end)))
    assert found["JWT_PRIVATE_KEY"] == pem.strip()
    assert weakness_of(found) == ""


def test_a_key_whose_line_ends_were_eaten_is_told_of_the_file(pem):
    said = weakness_of(resolved(JWT_PRIVATE_KEY=pem.replace("\n", "n")))
    assert said.startswith("JWT_PRIVATE_KEY is not an unencrypted RSA key in PEM")
    assert "JWT_PRIVATE_KEY_FILE" in said


class Environment(Env):
    """One that is not this process's."""

    def __init__(self, **variables):
        super().__init__()
        self.ENVIRON = variables


def test_quotes_around_any_value_are_dropped():
    assert Environment(HOLD_SECONDS='"300"').whole("HOLD_SECONDS", default=1) == 300
    assert Environment(ALLOWED_HOSTS="'a,b'").list("ALLOWED_HOSTS") == ["a", "b"]
    assert Environment(FROM='"Front Row" <a@b>').str("FROM") == '"Front Row" <a@b>'


def test_a_dollar_at_the_beginning_names_no_other_variable():
    assert Environment(SECRET_KEY="$other", other="wrong").str("SECRET_KEY") == "$other"
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is not set\.$"):
        Environment().str("SECRET_KEY")


def test_programs_that_are_not_ours_get_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", KEY)
    program = programs.Program("env", ("/usr/bin/env",))
    assert program.launch(tmp_path / "log").wait() == 0
    assert "DATA_DIR=" in (tmp_path / "log").read_text()
    assert KEY not in (tmp_path / "log").read_text()


@pytest.mark.processes
def test_production_starts_with_its_secrets_in_files_whoever_loads_the_settings(tmp_path, pem):
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "pem").write_text(pem)
    files = {"SECRET_KEY_FILE": str(tmp_path / "key"), "JWT_PRIVATE_KEY_FILE": str(tmp_path / "pem")}
    shown = "from concert_site import settings; print(settings.SECRET_KEY, settings.HEADLESS_JWT_ALGORITHM)"
    done = subprocess.run(
        [sys.executable, "-c", shown],
        env=clean_environment(MODE="production", **files),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{KEY} RS256\n", "")


@pytest.mark.processes
@pytest.mark.parametrize("command", ["check", "migrate", "up"])
def test_any_command_names_the_file_in_one_line(tmp_path, command):
    done = manage(command, DATA_DIR=str(tmp_path / "data"), SECRET_KEY_FILE="/nowhere/key")
    assert done.stderr == "manage.py: SECRET_KEY_FILE=/nowhere/key can't be read: No such file or directory\n"
    assert done.returncode == 1
    assert not os.path.lexists(tmp_path / "data")
