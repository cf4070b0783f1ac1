"""Keep programs running: start them, start them again when they die, stop them in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from concert_site.embedded import orphans, secret_files
from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.programs import Process, Program

WATCHDOG = Path(__file__).with_name("watchdog.py")
POLL_SECONDS = 0.05
# A program that lived so long was well; its next death is a new story.
WELL_AFTER_SECONDS = 20.0
SLOWEST_RESTART_SECONDS = 5.0
# Dying so often in a row, before anything worked, is not bad luck.
HOPELESS_DEATHS = 4
HURRIED_SECONDS = 2.0
LONGEST_LOG_BYTES = 20_000_000
LOG_CHECK_SECONDS = 30.0
# What a successor is called until it takes over, and how long it may take to start.
NEXT = "-next"
RENEW_SECONDS = 90.0


@dataclass
class Child:
    """A program and the process that runs it at the moment."""

    program: Program
    log: Path
    process: Process
    record: orphans.ProcessRecord
    began_at: float
    deaths: int = 0
    restart_at: float | None = None

    def plan_restart(self) -> None:
        self.deaths += 1
        # The exponent is bounded because the number of deaths is not.
        wait = 0.1 * 2 ** min(self.deaths - 1, 10)
        self.restart_at = time.monotonic() + min(wait, SLOWEST_RESTART_SECONDS)


class Supervisor:
    """The processes of one data directory, or some of them; the caller holds the locks of the programs named `names`.

    All of it belongs in the main thread (see `Program.launch`).
    """

    def __init__(
        self, data_dir: DataDir, report: Callable[[str], None], names: Container[str], records: Path | None = None
    ) -> None:
        self._data_dir = data_dir
        self._records = records or data_dir.processes
        self._report = report
        self._children: dict[str, Child] = {}
        self._next_log_check = 0.0
        orphans.end_orphans(data_dir, names)
        self._watchdog = self._start_watchdog()

    def start(self, program: Program) -> None:
        log = self._data_dir.log / f"{program.name}.log"
        shorten(log)
        self._children[program.name] = self._launch(program, log)
        self._write_down()

    def check(self, besides: str = "") -> None:
        """Start what has died again. Call it often."""
        for key, child in list(self._children.items()):
            if key != besides:
                self._check(child)
        if self._watchdog.poll() is not None:
            self._watchdog = self._start_watchdog()
        if time.monotonic() > self._next_log_check:
            self._next_log_check = time.monotonic() + LOG_CHECK_SECONDS
            for child in self._children.values():
                shorten(child.log)

    def has(self, name: str) -> bool:
        """Whether it was started here."""
        return name in self._children

    def renew(
        self,
        program: Program,
        is_ready: Callable[[int], bool],
        retire: Callable[[], None],
        stop_if_asked: Callable[[], None],
    ) -> bool:
        """Start a successor beside a program; once it works, let the old one go on until `retire` returns, and stop it.

        Returns whether that came about: a successor that doesn't get ready ends, and the old one goes on.
        """
        name, key = program.name, program.name + NEXT
        log = self._data_dir.log / f"{name}.log"
        successor = self._children[key] = self._launch(program, log)
        deadline = time.monotonic() + RENEW_SECONDS
        while not is_ready(successor.process.pid):
            if successor.process.poll() is not None or time.monotonic() > deadline:
                self._report(f"the new {name} does not start, the old one goes on: {last_line(log)} (see {log})")
                self._dismiss(self._children.pop(key))
                return False
            stop_if_asked()
            self.check(besides=key)
            time.sleep(POLL_SECONDS)
        retire()
        stop_if_asked()
        old, self._children[name] = self._children[name], self._children.pop(key)
        self._write_down()
        send(old.process, program.stop_signal)
        # What it has in hand may take its time.
        self.check_for(RENEW_SECONDS, lambda: old.process.poll() is not None)
        self._dismiss(old)
        return True

    def check_for(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Keep everything running for so long, or until it is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not is_over():
            self.check()
            time.sleep(POLL_SECONDS)

    def _dismiss(self, child: Child) -> None:
        stop_children([child], lambda: False)
        self._tell_watchdog(f"remove {child.process.pid}")

    def have_settled(self, seconds: float) -> bool:
        """Whether all that was started has lived for so long."""
        now = time.monotonic()
        return all(child.restart_at is None and now - child.began_at > seconds for child in self._children.values())

    def wait_for(
        self, is_ready: Callable[[], bool], what: str, seconds: float, stop_if_asked: Callable[[], None]
    ) -> None:
        """Keep everything running until something works.

        :raises CannotStart: if a program keeps dying, or time runs out
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            stop_if_asked()
            self.check()
            for child in self._children.values():
                if child.deaths >= HOPELESS_DEATHS:
                    raise CannotStart(f"{child.program.name} does not start: {last_line(child.log)} (see {child.log})")
            if time.monotonic() > deadline:
                raise CannotStart(f"{what} did not get ready in {seconds:.0f} s: see {self._data_dir.log}")
            time.sleep(POLL_SECONDS)

    def stop(self, steps: Iterable[Iterable[str]], is_hurried: Callable[[], bool]) -> None:
        """Stop everything, one step after the other; when hurried, without waiting for work to finish."""
        for key in [key for key in self._children if key.endswith(NEXT)]:
            self._dismiss(self._children.pop(key))
        for names in steps:
            step = [self._children.pop(name) for name in names if name in self._children]
            stop_children(step, is_hurried)
            for child in step:
                self._tell_watchdog(f"remove {child.process.pid}")
        self._write_down()
        with suppress(BrokenPipeError):
            self._watchdog_pipe().close()
        self._watchdog.wait()

    def _launch(self, program: Program, log: Path, deaths: int = 0) -> Child:
        try:
            program.prepare()
            process = program.launch(log)
        except OSError as error:
            raise CannotStart(f"{program.name} can't be started: {error}") from error
        record = orphans.record_of(program.name, process.pid, program.stop_signal)
        child = Child(program, log, process, record, time.monotonic(), deaths)
        self._tell_watchdog(added(child))
        return child

    def _check(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self._restart(child)
            return
        code = child.process.poll()
        if code is None:
            return
        # What is left of its group would keep the port, or work on beside its successor.
        kill_group(child.process.pid)
        self._tell_watchdog(f"remove {child.process.pid}")
        if time.monotonic() - child.began_at > WELL_AFTER_SECONDS:
            child.deaths = 0
        child.plan_restart()
        self._report(f"{child.program.name} ended ({in_words(code)}), starting it again; its log: {child.log}")

    def _restart(self, child: Child) -> None:
        try:
            self._children[child.program.name] = self._launch(child.program, child.log, child.deaths)
        except CannotStart as error:
            # What is in the way now, a full disk say, may not be in a while; the others work on meanwhile.
            child.plan_restart()
            self._report(str(error))
        self._write_down()

    def _write_down(self) -> None:
        try:
            orphans.write_records(self._records, [child.record for child in self._children.values()])
        except OSError as error:
            # The watchdog knows the same, so this alone is no reason to stop a site that works.
            self._report(f"{self._records} can't be written: {error}")

    def _start_watchdog(self) -> subprocess.Popen[str]:
        watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHDOG)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=PROJECT,
            start_new_session=True,
            env=secret_files.without_secrets(os.environ),
            text=True,
        )
        self._watchdog = watchdog
        for child in self._children.values():
            self._tell_watchdog(added(child))
        return watchdog

    def _tell_watchdog(self, line: str) -> None:
        # A watchdog that was killed gets a successor, and that one the whole list.
        with suppress(BrokenPipeError):
            print(line, file=self._watchdog_pipe(), flush=True)

    def _watchdog_pipe(self) -> IO[str]:
        pipe = self._watchdog.stdin
        assert pipe is not None  # noqa: S101 - it was asked for
        return pipe


def added(child: Child) -> str:
    return f"add {child.process.pid} {int(child.program.death_signal)}"


def stop_children(children: list[Child], is_hurried: Callable[[], bool]) -> None:
    """Ask them to stop, wait within bounds, and end what is left of their groups."""
    deadlines = {}
    for child in children:
        send(child.process, child.program.stop_signal)
        deadlines[child.process.pid] = time.monotonic() + child.program.stop_seconds
    was_hurried = False
    while any(child.process.poll() is None for child in children):
        if is_hurried() and not was_hurried:
            was_hurried = True
            for child in children:
                send(child.process, child.program.hurry_signal)
                deadlines[child.process.pid] = time.monotonic() + HURRIED_SECONDS
        for child in children:
            if time.monotonic() > deadlines[child.process.pid]:
                kill_group(child.process.pid)
        time.sleep(0.01)
    for child in children:
        kill_group(child.process.pid)


def send(process: Process, number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        # Real-time signals have no names, save for the first and the last.
        return f"killed by signal {-code}"


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def shorten(log: Path) -> None:
    """Move a log that has grown long aside. Its writer appends, and just goes on in the emptied file."""
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG_BYTES:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)
