"""The image and compose.yaml: what goes in, what runs, and that nothing of it is told twice."""

import fnmatch
import re
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from concert_site import __version__, container
from concert_site.embedded import secret_files, web
from concert_site.embedded.data_dir import PROJECT
from concert_site.lib import heartbeats
from concert_site.lib.redis import client
from concert_site.management.command_line import execute
from concert_site.tests.away import redis_away
from concert_site.tests.test_settings_doc import documented

COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text())
HELM = PROJECT / "deploy" / "helm" / "frontrow"
CHART, VALUES = (yaml.safe_load((HELM / name).read_text()) for name in ("Chart.yaml", "values.yaml"))
SITE = ("web", "ticks", "worker", "beat", "migrate")
EXAMPLE = (PROJECT / "deploy" / "compose" / "frontrow.env.example").read_text()
MISTAKES = (
    ".env",
    ".env.production",
    ".git/config",
    ".data/secret_key",
    ".data-2/secret_key",
    "secrets/secret_key",
    "frontrow.env",
    "wallet/tests/test_ledger.py",
    "concert_site/tests/plugin.py",
    "concert_site/.env",
    "static/key.pem",
    "id_ed25519.key",
    "docs/api.md",
    "bench/load.py",
    ".venv/bin/python",
    "node_modules/x.js",
    "requirements-dev.txt",
    "deploy/install.sh",
)


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file through: the last line that fits it, or a folder above it, decides."""
    sent = True
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        # What this understands of Docker's patterns.
        assert re.fullmatch(r"(\*\*/)?[\w.*/-]+|\*", pattern), line
        name = pattern.removeprefix("**/")
        is_anywhere = name != pattern
        if any(fnmatch.fnmatch(each.split("/")[-1] if is_anywhere else each, name) for each in above):
            sent = line.startswith("!")
    return sent


@pytest.mark.parametrize("path", MISTAKES)
def test_what_an_image_must_not_have_is_not_sent(path):
    assert not is_sent(path)


@pytest.mark.processes
def test_the_build_context_is_code_and_nothing_else():
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    sent = [path for path in listed.splitlines() if is_sent(path)]

    lock = "deploy/requirements/production.txt"
    assert {"manage.py", "concert_site/rsgi.py", "wallet/domain/ledger.py", lock} <= set(sent)
    assert [path for path in sent if path.startswith("deploy/")] == [lock]
    assert {path.split("/")[0] for path in sent} == {
        "LICENSE",
        "concert_site",
        "locale",
        "manage.py",
        "payments",
        "queueing",
        "deploy",
        "reservations",
        "static",
        "templates",
        "wallet",
    }
    assert {path.rpartition(".")[2] for path in sent if "static/" not in path} <= {
        "LICENSE",
        "conf",
        "css",
        "html",
        "json",
        "mo",
        "py",
        "sql",
        "svg",
        "txt",
        "js",
        "xml",
        "toml",
        "md",
    }


def test_a_container_runs_what_up_runs():
    assert container.web_argv(["--workers", "3"]) == web.web_program(web.Address("0.0.0.0", 8000), 3).argv
    assert container.ticks_argv([]) == web.ticks_program().argv
    assert container.worker_argv([]) == web.worker_program().argv
    assert container.worker_argv(["--queues", "lines"]) == web.lines_program().argv
    assert container.beat_argv([]) == web.beat_program().argv
    assert container.metrics_argv([]) == web.metrics_program().argv


def test_a_web_server_that_is_not_there_is_not_healthy():
    # Nobody listens on port 1.
    assert "port 1" in container.complaint_of("web", "1")


def test_a_web_server_is_healthy_while_it_says_so():
    class Answering(BaseHTTPRequestHandler):
        status = 503

        def do_GET(self):
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_line):
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        starting = container.complaint_of("web", str(port))
        Answering.status = 200
        with pytest.raises(SystemExit) as end:
            container.main(["healthy", "web", str(port)])
        server.shutdown()
        thread.join()

    assert (starting, end.value.code) == (f"port {port}: status 503", None)


def test_beat_is_healthy_while_any_beat_sends_and_while_nobody_can_say():
    client().delete(heartbeats.heartbeat_key(heartbeats.BEAT))
    assert container.complaint_of_beat() == "no beat has sent anything for a minute"

    heartbeats.note(heartbeats.BEAT)
    assert container.complaint_of("beat") is None

    client().pexpire(heartbeats.heartbeat_key(heartbeats.BEAT), heartbeats.KEEP_MS - 61_000)
    assert container.complaint_of_beat() == "no beat has sent anything for a minute"
    with redis_away():
        assert container.complaint_of_beat() is None


def test_a_worker_that_does_not_answer_is_not_healthy(monkeypatch):
    monkeypatch.setattr(container, "ANSWER_SECONDS", 0.2)

    assert container.complaint_of("worker") == f"celery@{socket.gethostname()} doesn't answer"


def test_every_service_of_the_site_is_locked_in():
    for name in SITE:
        service = COMPOSE["services"][name]
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["env_file"] == ["frontrow.env"]
        # What stands here would win over frontrow.env: whatever the settings are, they can be set.
        assert "environment" not in service


def test_every_service_has_limits_and_tells_how_it_is():
    for name, service in COMPOSE["services"].items():
        assert service["mem_limit"], name
        if name != "migrate":
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["cpus"], name


def test_what_a_service_runs_is_understood():
    for name in SITE[:-1]:
        role, *words = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in COMPOSE["services"][name]["command"]]
        assert role == name
        assert container.ROLES[role](words)
        assert COMPOSE["services"][name]["healthcheck"]["test"][-2:] == ["healthy", name]


def test_the_example_names_settings_that_there_are_and_files_that_are_mounted():
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)
    files = dict(re.findall(r"^([A-Z_]+)_FILE=/run/secrets/(\w+)$", EXAMPLE, re.MULTILINE))

    assert {name.removesuffix("_FILE") for name in names} <= documented().keys()
    assert files.keys() <= set(secret_files.SECRETS)
    assert set(files.values()) == set(COMPOSE["services"]["web"]["secrets"]) <= COMPOSE["secrets"].keys()


def test_the_documented_commands_make_every_secret():
    page = (PROJECT / "docs" / "containers.md").read_text()
    block = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[0]

    for secret in COMPOSE["secrets"].values():
        assert f" {secret['file']}\n" in block


def test_the_version_is_that_of_the_site():
    assert f"FRONTROW_VERSION:-{__version__}}}" in (PROJECT / "compose.yaml").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert CHART["appVersion"] == CHART["version"] == __version__


def test_the_chart_hands_over_settings_and_secrets_that_there_are():
    assert VALUES["settings"].keys() <= documented().keys()
    assert set(VALUES["secretKeys"]) <= set(secret_files.SECRETS)


def test_the_chart_runs_what_there_is():
    template = (HELM / "templates" / "workers.yaml").read_text()

    assert container.worker_argv(["--queues", "lines", "--threads", "12"]) == web.lines_program().argv
    assert container.worker_argv(["--queues", "celery", "--threads", "12"]) == web.tasks_program().argv
    assert '"worker" "--queues" "lines" "--threads"' in template
    assert '"worker" "--queues" "celery" "--threads"' in template


def test_who_asks_for_the_version_hears_the_site_s(capsys):
    execute(["manage.py", "version"])

    assert capsys.readouterr().out.startswith(f"Frontrow {__version__} (Django 5.2.")
