"""The hands of bare_host.py: what types a page's commands into the machine, compares, and watches meanwhile."""

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bare_console import Step
from bare_tree import Machine

PROJECT = Path(__file__).resolve().parents[2]
VISITOR = Path(__file__).with_name("bare_visitor.py")
EMAIL, PASSWORD = "boss@example.com", "First-night-of-1987"
# What the reader is to replace by the release that isn't the current one.
WHICH_ONE = "THE-OTHER-ONE"
# The longest that pages are asked for while something is done.
WATCH_SECONDS = 300


class Drill:
    """One installation, from the bare tree to its removal."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.began_at = time.monotonic()
        self.load: subprocess.Popen[str] | None = None

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began_at:6.1f} s  {text}", flush=True)

    def must(self, what: str, command: str, stdin: str = "") -> str:
        """Run a command inside; the drill ends if it fails."""
        done = self.machine.run(command, stdin)
        if done.returncode:
            sys.exit(f"FAILED: {what}: {command}\n{done.stdout}{done.stderr}")
        last = (done.stdout.strip().splitlines() or [""])[-1]
        self.say(f"{what}: {last[:110]}" if last else what)
        return done.stdout

    def must_not(self, what: str, command: str, *, saying: str) -> None:
        """Run a command that has to fail, and to say why."""
        done = self.machine.run(command)
        if not done.returncode or saying not in done.stdout + done.stderr:
            said = done.stdout + done.stderr
            sys.exit(f"FAILED: {what}: {command} ended with {done.returncode}, without '{saying}'\n{said}")
        self.say(f"{what}: refused, {saying}")

    def prepare(self) -> None:
        """What lies outside of the page: the archive that was copied, and the name that the DNS knows."""
        archive = self.machine.root / "root" / "frontrow.tar.gz"
        # What is committed, and what is being worked on.
        listed = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = "\0".join(name for name in names if name and (PROJECT / name).exists())
        packed = ["tar", "--null", "--files-from=-", "--transform=s,^,frontrow/,", "-czf", str(archive)]
        subprocess.run(packed, cwd=PROJECT, input=files, text=True, check=True)
        shutil.copy(VISITOR, self.machine.root / "root" / "visitor.py")
        # Debian's installer writes the first line; the tree comes without.
        self.machine.run("printf '127.0.0.1 %s\\n' localhost tickets.example.com >> /etc/hosts")

    def follow(self, step: Step) -> None:
        """Type a command of the page, and compare."""
        if step.command == "systemctl reboot":
            self.machine.reboot()
            self.say("# systemctl reboot")
            return
        if WHICH_ONE in step.command:
            # The reader chooses the one that isn't the current one.
            others = "ls /opt/frontrow/releases | grep -v $(basename $(readlink /opt/frontrow/current)) | head -n 1"
            step = replace(step, command=step.command.replace(WHICH_ONE, self.machine.run(others).stdout.strip()))
        code, output = self.type(step)
        if code:
            sys.exit(f"FAILED: # {step.command}\n{output[-3000:]}")
        if complaint := step.complaint(output):
            sys.exit(f"NOT AS THE PAGE SAYS: # {step.command}\n{complaint}")
        self.say(f"# {step.command}")

    def type(self, step: Step) -> tuple[int, str]:
        """Run it at a terminal, and answer what it asks; its exit code and all that it printed."""
        answers = [EMAIL, PASSWORD, PASSWORD] if "createsuperuser" in step.command else []
        child, terminal = pty.fork()
        if child == 0:
            words = self.machine.inside(step.command)
            os.execvp(words[0], words)
        printed = b""
        while piece := read_some(terminal):
            printed += piece
            if answers and printed.endswith(b": "):
                os.write(terminal, answers.pop(0).encode() + b"\n")
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed.decode(errors="replace")

    def visit(self, *words: str) -> None:
        self.must("a visitor", f"python3 visitor.py {' '.join(words)}")

    def watched(self, what: str, work: Callable[[], object]) -> None:
        """Do something while pages are asked for all the time; none may fail."""
        self.tallied(what, work, "watch")

    def tallied(self, what: str, work: Callable[[], object], how: str = "tally") -> None:
        """Do something while pages are asked for all the time, and say what they answered."""
        watch = subprocess.Popen(
            self.machine.inside(f"python3 visitor.py {how} {WATCH_SECONDS}"), stdout=subprocess.PIPE, text=True
        )
        time.sleep(1)
        work()
        self.machine.run("touch enough")
        said = watch.communicate()[0].strip()
        if watch.returncode:
            sys.exit(f"FAILED: {what}: {said}")
        self.say(f"{what}: {said}")


def read_some(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # The other side is closed.
        return b""
