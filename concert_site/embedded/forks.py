"""Processes forked from this one, which has loaded Django already: each would take a second or two to load it anew."""

import gc
import importlib
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.launch import PR_SET_PDEATHSIG, libc, prctl

PR_SET_NAME = 15
THREADS = Path("/proc/self/task")
FILES = Path("/proc/self/fd")
# What `up` takes for itself, and what each is at the start of Python.
HANDLED: dict[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class ForkedProcess:
    """What `subprocess.Popen` is to a program: enough of it for who keeps it running."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, the negative number of a signal, or None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended: its number may be somebody else's by now."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def is_possible() -> bool:
    """Whether a fork is safe: on Linux, in a process of one thread."""
    return sys.platform == "linux" and len(list(THREADS.iterdir())) == 1


def fork_module(name: str, argv: Sequence[str], log: Path, death_signal: int) -> ForkedProcess:
    """Run `python -m MODULE ARGUMENT...` in a fork, in a session of its own, bound to the life of this process."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    # What is there already needn't be looked at, and so copied, by the collectors of all processes.
    gc.freeze()
    # What asks it to stop before it has its own handlers is heard once it has.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        pid = os.fork()
        if not pid:
            become(name, argv, log, death_signal, parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ForkedProcess(pid)


def become(name: str, argv: Sequence[str], log: Path, death_signal: int, parent: int) -> NoReturn:
    """Turn into that process; nothing of what the other one has to do at its end is this one's to do."""
    code = 1
    try:
        detach(log)
        set_name(name)
        bind_life(death_signal)
        if os.getppid() == parent:
            code = run(argv)
    except BaseException:  # noqa: BLE001  there is nobody above
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def detach(log: Path) -> None:
    """Have a session, signals, a folder and files of one's own: the parent's locks and pipes are its life line."""
    os.setsid()
    os.chdir(PROJECT)
    nothing = os.open(os.devnull, os.O_RDWR)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for name in [path.name for path in FILES.iterdir()]:
        # Taken, not closed: somebody's object still has the number, and closes it when it goes.
        if int(name) not in {nothing, output}:
            with suppress(OSError):
                os.dup2(output if name in {"1", "2"} else nothing, int(name), inheritable=name in {"0", "1", "2"})
    os.close(output)
    for number, handler in HANDLED.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def bind_life(death_signal: int) -> None:
    """End when the parent ends, and have the same of what is forked from here: web workers have no name of ours."""
    prctl(PR_SET_PDEATHSIG, death_signal)
    os.register_at_fork(after_in_child=partial(prctl, PR_SET_PDEATHSIG, death_signal))


def set_name(name: str) -> None:
    """What top and pstree call it; its command line stays that of `up`."""
    libc.prctl(PR_SET_NAME, f"frontrow-{name}".encode())


def run(argv: Sequence[str]) -> int:
    """Run a module as `python -m` does; its exit code."""
    module, *words = argv
    sys.argv = [module, *words]
    importlib.invalidate_caches()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int) or end.code is None:
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0
