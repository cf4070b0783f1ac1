"""`manage.py up --only`: some roles of the site, beside others in the same data directory or on other hosts."""

import os
import socket
import time
from pathlib import Path

import pytest

from concert_site.embedded import notify, web
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.notify import READY, Notifier
from concert_site.embedded.orphans import record_of, write_records
from concert_site.embedded.roles import PROGRAMS, Roles, read_roles
from concert_site.embedded.site import owned
from concert_site.tests.up_process import Up, manage, site_in_a_folder, wait_until


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("web", ("web",)),
        ("web, beat,web", ("web", "beat")),
        ("worker", ("ticks", "worker")),
        ("ticks,worker", ("ticks", "worker")),
        ("ticks,lines,tasks", ("ticks", "lines", "tasks")),
        ("services", ()),
    ],
)
def test_roles_are_programs(text: str, programs: tuple[str, ...]) -> None:
    assert read_roles(text).programs == programs


def test_up_without_names_runs_every_process() -> None:
    everything = Roles()
    assert everything.programs == ("web", "ticks", "worker", "beat")
    assert (everything.has_web, everything.owns_services) == (True, True)


@pytest.mark.parametrize("text", ["", "webs", "web,,beat", "web;beat"])
def test_what_is_no_role_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no role: use web, worker, ticks, lines, tasks, beat, metrics, services"):
        read_roles(text)


def test_the_pools_of_a_worker_take_every_queue_between_them() -> None:
    def queues(*programs: web.Program) -> set[str]:
        return {
            name
            for program in programs
            for word in program.argv
            if word.startswith("--queues=")
            for name in word.removeprefix("--queues=").split(",")
        }

    split = queues(web.ticks_program(), web.lines_program(), web.tasks_program())
    assert split == queues(web.ticks_program(), web.worker_program()) == {"ticks", "lines", "celery"}


def test_what_runs_elsewhere_in_the_data_directory_may_not_run_twice(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    with owned(data_dir, Roles(("web", "ticks"))), owned(data_dir, Roles(("beat",))):
        for roles in (Roles(("web",)), Roles(("worker",)), Roles()):
            with pytest.raises(CannotStart, match=rf"process {os.getpid()}\) runs '(web|ticks)' in {tmp_path}"):
                owned(data_dir, roles).__enter__()
        assert data_dir.is_attended("web")
        assert not data_dir.is_attended("worker")
    with owned(data_dir, Roles()) as names:
        assert names == {"web", "ticks", "worker", "beat", *PROGRAMS["services"]}


def test_each_set_of_roles_writes_down_its_processes_by_itself(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    for roles in ((), ("web",), ("ticks", "beat")):
        write_records(data_dir.records_of(roles), [record_of("web", os.getpid(), 15)])
    names = ["processes-ticks-beat.json", "processes-web.json", "processes.json"]
    assert [path.name for path in data_dir.all_records()] == names


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        notifier = Notifier()
        assert "NOTIFY_SOCKET" not in os.environ

        notifier.tell(READY)
        notifier.tell_alive()
        notifier.tell_alive()
        notifier.tell_reloading()

        said = [systemd.recv(100).decode() for _ in range(3)]
    assert said[:2] == ["READY=1", "WATCHDOG=1"]
    assert said[2].startswith("RELOADING=1\nMONOTONIC_USEC=")


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.Notifier().tell(READY)


def test_web_and_ticks_run_apart_on_one_data_directory() -> None:
    with site_in_a_folder("apart") as site:
        site.words = ("--only=web",)
        up = site.up
        assert (up.data_dir / "processes-web.json").exists()

        ticks = Up(up.data_dir, "--only=ticks", name="ticks")
        try:
            wait_until(lambda: "Running: ticks" in ticks.stdout.read_text().splitlines(), "ticks run")
            again = manage("up", "--only=ticks,beat", DATA_DIR=str(up.data_dir), MODE="test")
            assert f"(process {ticks.process.pid}) runs 'ticks'" in again.stderr
            # The embedded services are everybody's; who started them may go.
            begun = time.monotonic()
            assert ticks.stop() == 0
            assert time.monotonic() - begun < 15
            assert up.answers()
        finally:
            ticks.discard()
