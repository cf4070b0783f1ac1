"""Starting a process of ours: in its own process group, bound to our life, writing to its own log."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from concert_site.embedded import forks, secret_files
from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.os_accounts import Account

LAUNCH = Path(__file__).with_name("launch.py")

Process = subprocess.Popen[bytes] | forks.ForkedProcess


def do_nothing() -> None:
    """What needs to be done before most programs start."""


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it."""

    name: str
    argv: tuple[str, ...]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 8
    # What it gets when its parent is killed outright. A server of data gets the chance to close it.
    death_signal: signal.Signals = signal.SIGKILL
    # A second Ctrl-C sends this.
    hurry_signal: signal.Signals = signal.SIGKILL
    account: Account | None = None
    # Folders and programs that the account must be able to reach.
    reach: tuple[Path, ...] = ()
    # Run before every start, the first one and those after a crash.
    prepare: Callable[[], None] = do_nothing
    # `argv` is `python -m MODULE ARGUMENT...`, and this process has loaded what it would.
    is_loaded: bool = False
    # It is of ours, and reads the settings.
    has_secrets: bool = False

    def launch(self, log: Path) -> Process:
        """Start it. Only the main thread may: the kernel binds the child's life to the thread that forks."""
        if self.is_loaded and forks.is_possible():
            return forks.fork_module(self.name, self.argv[2:], log, self.death_signal)
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A foreign account may not be able to enter our folder.
                cwd="/" if self.account else PROJECT,
                start_new_session=True,
                env=None if self.has_secrets else secret_files.without_secrets(os.environ),
            )

    def command(self) -> list[str]:
        orders = {
            "parent": os.getpid(),
            "death_signal": self.death_signal,
            "account": [self.account.uid, self.account.gid] if self.account else None,
            "reach": [str(path) for path in self.reach],
        }
        return [sys.executable, "-I", "-S", str(LAUNCH), json.dumps(orders), *self.argv]
