"""Renewing what runs, and ending a web process so that nobody is cut off."""

import os
import signal
import sys
from pathlib import Path

import pytest

from concert_site.embedded import drain, secret_files, signals
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.drain import DrainFiles
from concert_site.embedded.programs import Program
from concert_site.embedded.signals import StopRequested, StopSignals
from concert_site.embedded.supervisor import Supervisor
from concert_site.front.draining import CLOSE, Closing, DrainFile, respond

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


class Answers:
    """Takes what is answered."""

    def __init__(self) -> None:
        self.given: list[tuple[object, ...]] = []

    def response_bytes(self, *given: object) -> None:
        self.given.append(given)

    response_empty = response_file = response_bytes


def test_a_process_without_such_a_file_never_drains(tmp_path: Path) -> None:
    for name in ("", str(tmp_path / "none")):
        file = DrainFile(name)
        file.check()
        assert (file.is_draining, file.is_stopping) == (False, False)


@pytest.mark.parametrize(("word", "is_stopping"), [(drain.STOP, True), (drain.RENEW, False)])
def test_a_process_drains_once_it_is_told(tmp_path: Path, word: str, is_stopping: bool) -> None:
    file = DrainFile(str(tmp_path / "drain"))
    drain.drain(tmp_path / "drain", word)
    file.check()
    (tmp_path / "drain").unlink()
    file.check()
    assert (file.is_draining, file.is_stopping) == (True, is_stopping)


def test_while_it_drains_each_connection_ends_with_its_answer() -> None:
    answers = Answers()
    closing = Closing(answers)  # type: ignore[arg-type]  the part of it that answers
    closing.response_bytes(200, [("etag", "1")], b"x")
    closing.response_empty(304, [])
    closing.response_file(200, [], "/f")
    respond(closing, [])
    assert answers.given == [
        (200, [("etag", "1"), CLOSE], b"x"),
        (304, [CLOSE]),
        (200, [CLOSE], "/f"),
        (503, [("retry-after", "1"), CLOSE], b'{"status": "draining"}'),
    ]


def test_each_generation_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAIN_FILE", raising=False)
    files = DrainFiles(tmp_path)
    first = files.for_next(Program("web", SLEEP))
    drain.drain(files.current, drain.STOP)

    # Of an earlier run, or of one that crashed.
    first.prepare()

    assert os.environ["DRAIN_FILE"] == str(tmp_path / "drain-1")
    assert not files.current.exists()
    files.for_next(Program("web", SLEEP)).prepare()
    assert os.environ["DRAIN_FILE"] == str(tmp_path / "drain-2")
    files.give_up_next()
    assert files.current == tmp_path / "drain-1"


@pytest.fixture
def stop_signals():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("had", "has", "reloads"), [(False, False, True), (True, True, True), (True, False, False)])
def test_a_hangup_asks_for_a_reload_unless_the_terminal_is_gone(had, has, reloads, stop_signals, monkeypatch):
    monkeypatch.setattr(signals, "has_terminal", lambda: had)
    asked = StopSignals()
    monkeypatch.setattr(signals, "has_terminal", lambda: has)

    os.kill(os.getpid(), signal.SIGHUP)

    assert (asked.take_reload(), asked.count) == (reloads, int(not reloads))
    assert not asked.take_reload()


@pytest.mark.processes
class TestRenewal:
    @pytest.fixture
    def supervisor(self, tmp_path):
        said = []
        with DataDir(tmp_path).being_set_up():
            pass
        supervisor = Supervisor(DataDir(tmp_path), said.append, ())
        supervisor.said = said
        supervisor.start(Program("web", SLEEP))
        yield supervisor
        supervisor.stop([("web",)], lambda: True)

    def pid(self, supervisor):
        return supervisor._children["web"].process.pid

    def test_a_renewed_process_ends_once_the_new_one_works(self, supervisor):
        old = self.pid(supervisor)
        retired = []

        renewed = supervisor.renew(
            Program("web", SLEEP), lambda pid: pid != old, lambda: retired.append(is_running(old)), lambda: None
        )

        assert (renewed, retired) == (True, [True])
        assert self.pid(supervisor) != old
        assert not is_running(old)
        assert is_running(self.pid(supervisor))

    def test_a_renewal_that_does_not_start_leaves_the_old_process(self, supervisor):
        old = self.pid(supervisor)
        failing = Program("web", (sys.executable, "-c", "raise SystemExit('no such module')"))

        assert not supervisor.renew(failing, lambda pid: False, pytest.fail, lambda: None)

        assert self.pid(supervisor) == old
        assert is_running(old)
        assert supervisor.said[0].startswith("the new web does not start, the old one goes on: no such module (see ")

    def test_a_stop_during_a_renewal_ends_both_processes(self, supervisor):
        def stop():
            raise StopRequested

        with pytest.raises(StopRequested):
            supervisor.renew(Program("web", SLEEP), lambda pid: False, pytest.fail, stop)
        pids = [child.process.pid for child in supervisor._children.values()]

        supervisor.stop([("web",)], lambda: True)

        assert len(pids) == 2
        assert not any(map(is_running, pids))
        supervisor._watchdog = supervisor._start_watchdog()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_secrets_are_read_anew_for_what_is_started_from_now_on(tmp_path, monkeypatch):
    monkeypatch.setattr(secret_files, "_files", {})
    file = tmp_path / "key"
    file.write_text("old")
    environ = {"SECRET_KEY_FILE": str(file)}
    secret_files.resolve(environ)
    file.write_text("new")

    secret_files.reread(environ)

    assert environ == {"SECRET_KEY": "new"}
