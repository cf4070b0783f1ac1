"""What deploy/ puts on a host: units, nginx's file, settings that are read back as they were written."""

import functools
import importlib.util
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from celery.signals import beat_init, worker_ready

from concert_site import celery as site_celery
from concert_site.embedded import os_accounts, web
from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.notify import Notifier

DEPLOY = PROJECT / "deploy"
UNITS = sorted(path for path in (DEPLOY / "systemd").iterdir() if path.is_file())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 3.0

# From the tests of systemd's own reader (src/test/test-env-file.c), and what surprises people.
READ_BY_SYSTEMD = [
    ("A=1\nB=2\n", {"A": "1", "B": "2"}),
    ("A=a\\\nb\n", {"A": "ab"}),
    ("# A=1\n; B=2\n\n  C = spaces around \t\n", {"C": "spaces around"}),
    ('A="a # b"  \n', {"A": "a # b"}),
    ("A='a\\nb'\nB=\"a\\nb\"\nC=a\\nb\n", {"A": "a\\nb", "B": "a\\nb", "C": "anb"}),
    ('A="two\nlines"\nB=x\n', {"A": "two\nlines", "B": "x"}),
    ('A="\\"\\\\\\`\\$ \\x"\n', {"A": '"\\`$ \\x'}),
    ("A='it'\"'\"'s'\n", {"A": "it's"}),
    ('A=it\'s "not" quoted\n', {"A": 'it\'s "not" quoted'}),
    ('A="kept "  \nB= \nC=\n', {"A": "kept ", "B": "", "C": ""}),
    ("no assignment\nA=$HOME\n", {"A": "$HOME"}),
    ("A=ends without a line", {"A": "ends without a line"}),
    ("A=b\\ \n", {"A": "b "}),
]
ODD_VALUES = [
    "smtp+tls://user:p%40ss@mail.example.com:587",
    "Frontrow <tickets@example.com>",
    "two words # and no comment",
    "\"'`$HOME\\n\\",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    " blanks around ",
    "한국어",
    "",
]


@pytest.mark.processes
def test_a_release_that_all_may_read_has_no_secrets_of_compose_in_it(tmp_path):
    kept = ["manage.py", "deploy/compose/frontrow.env.example"]
    secrets = ["secrets/secret_key", "frontrow.env", ".env", "backup-key.txt", "tls/privkey.pem", ".data-1/keys"]
    for name in (*kept, *secrets):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("hunter2")
    shutil.copy(DEPLOY / "install.sh", tmp_path / "deploy")
    found = subprocess.run(
        ["bash", "-c", f"source {tmp_path}/deploy/install.sh; source_files"], capture_output=True, text=True, check=True
    )
    assert sorted(found.stdout.split("\0")) == [
        "",
        "./deploy/compose/frontrow.env.example",
        "./deploy/install.sh",
        "./manage.py",
    ]


def load_frontrow():
    """The host's command, which is installed under another name and imports nothing of ours."""
    spec = importlib.util.spec_from_file_location("frontrow_command", DEPLOY / "frontrow.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("text", "variables"), READ_BY_SYSTEMD)
def test_settings_are_read_by_the_rules_of_systemd(text, variables):
    assert load_frontrow().read_env(text) == variables


WHOLE = ["frontrow-web@1", "frontrow-web@2", "frontrow-ticks", "frontrow-worker", "frontrow-beat"]


@pytest.mark.parametrize(
    ("enabled", "units"),
    [
        ([], WHOLE),
        (["frontrow-metrics"], [*WHOLE, "frontrow-metrics"]),
        (["frontrow-embedded", "frontrow-metrics"], ["frontrow-embedded"]),
    ],
)
def test_restart_and_status_are_of_every_unit_that_is_switched_on(monkeypatch, enabled, units):
    command = load_frontrow()
    monkeypatch.setattr(command, "is_enabled", enabled.__contains__)
    assert command.enabled_units() == units


@pytest.mark.processes
@pytest.mark.parametrize("value", ODD_VALUES)
def test_what_the_installer_writes_is_read_back(value):
    line = subprocess.run(
        ["bash", "-c", f'source {DEPLOY / "install.sh"}; setting NAME "$1"', "bash", value],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert load_frontrow().read_env(line) == {"NAME": value}


@pytest.mark.processes
def test_password_of_an_address_comes_to_the_installer_by_a_file_alone(tmp_path):
    (tmp_path / "address").write_text("smtp+tls://user:p%40ss@mail.example.com:587\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "blank").write_text("\nsmtp://localhost:25\n")

    def take(*words):
        script = f'source {DEPLOY / "install.sh"}; take_options "$@"; echo "$email_url|$database_url"'
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr.strip()

    assert take("--email-url", f"@{tmp_path}/address") == "smtp+tls://user:p%40ss@mail.example.com:587|"
    assert take("--email-url", "smtp://localhost:25", "--database-url", "postgresql://frontrow@db/f") == (
        "smtp://localhost:25|postgresql://frontrow@db/f"
    )
    for told in ("postgresql://a:secret@db/f", "postgresql://a@corp:secret@db/f", "postgresql://:secret@db/f"):
        assert "write the address into a file: --database-url @" in take("--database-url", told)
    for none in ("empty", "blank", "missing"):
        assert "there is no address in that file" in take("--email-url", f"@{tmp_path}/{none}")


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_every_unit_as_it_is(tmp_path):
    copies = [placed(unit, tmp_path) for unit in UNITS]

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True, check=False
    )

    said = [line for line in done.stderr.splitlines() if "frontrow" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_can_do_little_besides_its_work(unit, tmp_path):
    said = security_of(placed(unit, tmp_path))

    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure) < MOST_EXPOSED


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_what_an_operator_allows_a_service_has_the_last_word(tmp_path):
    """Drop-ins of all folders are read in the order of their names alone."""
    unit = placed(DEPLOY / "systemd/frontrow-worker.service", tmp_path)
    own = tmp_path / "frontrow-worker.service.d/10-own.conf"
    own.parent.mkdir()
    own.write_text("[Service]\nProtectHome=no\n")

    assert "Service has full access to home directories" in security_of(unit)


def security_of(unit):
    command = ["systemd-analyze", "security", "--offline=true", unit]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def placed(unit, folder):
    """A copy whose programs are there, with what all units have: the site isn't installed where tests run."""
    shutil.copytree(
        DEPLOY / "systemd", folder, ignore=shutil.ignore_patterns("*.service", "*.timer"), dirs_exist_ok=True
    )
    text = re.sub(r"(?m)^(Exec\w+)=\S+", r"\1=/bin/true", unit.read_text())
    copy = folder / unit.name.replace("@.", "@1.")
    copy.write_text(text)
    return str(copy)


def test_units_start_what_up_starts():
    words = {unit.stem: unit.read_text().replace("\\\n", " ").split() for unit in SERVICES}

    for name, program in (
        ("frontrow-web@", web.web_program(web.Address("127.0.0.1", 8001), 1)),
        ("frontrow-ticks", web.ticks_program()),
        ("frontrow-worker", web.worker_program()),
        ("frontrow-beat", web.beat_program()),
    ):
        meant = set(program.argv[3:]) - {"8001", "3"}
        assert meant - set(words[name]) == set(), name


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="needs nginx")
def test_nginx_takes_the_site(tmp_path):
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).touch()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"),
            *("-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"),
        ],
        capture_output=True,
        check=True,
    )
    (tmp_path / "nginx.conf").write_text(nginx_conf(tmp_path))

    done = subprocess.run(
        [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "warn" in done.stderr) == (0, False), done.stderr


def nginx_conf(folder: Path) -> str:
    """The site's file, in a whole configuration that touches nothing of this host's."""
    site = (DEPLOY / "nginx" / "frontrow.conf").read_text()
    site = site.replace("@HOSTS@", "tickets.example.com").replace("@HTTP2_OLD@", "").replace("@HTTP2_NEW@", "")
    site = re.sub(r"(?m)^ *listen \[::\].*\n", "", site)
    site = re.sub(r"listen (\d+)", rf"listen unix:{folder}/\1.sock", site)
    for place in ("/etc/frontrow/tls", "/etc/nginx/frontrow.d", "/var/cache/nginx", "/var/log/nginx"):
        site = site.replace(place, str(folder))
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log off; {paths}\n{site}\n}}"


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("caddy"), reason="needs caddy")
def test_caddy_takes_the_site():
    done = subprocess.run(
        ["caddy", "adapt", "--adapter=caddyfile", "--config", DEPLOY / "Caddyfile"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.findall(r'"dial":"([^"]*)"', done.stdout) == ["127.0.0.1:8001", "127.0.0.1:8002"]


def test_a_worker_and_beat_tell_systemd_that_they_work(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setattr(site_celery, "systemd", functools.cache(Notifier))
        # It has a connection of its own, which would outlive the test.
        monkeypatch.setattr(site_celery, "watch_by_thread", lambda seconds: None)
        listening.settimeout(5)

        for signal in (worker_ready, beat_init):
            signal.send(sender=None)
            assert listening.recv(100) == b"READY=1"


def test_root_makes_nothing_in_the_folder_of_another(tmp_path, monkeypatch):
    data_dir = tmp_path / "not" / "made" / "yet"
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(CannotStart, match=r"belongs to \w+, and what root makes there would lock \w+ out"):
        os_accounts.refuse_root_in_folder_of_another(data_dir)


def test_others_and_root_in_its_own_folder_may(tmp_path, monkeypatch):
    os_accounts.refuse_root_in_folder_of_another(Path("/"))

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    os_accounts.refuse_root_in_folder_of_another(tmp_path)
