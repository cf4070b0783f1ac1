"""A bare Debian to boot: a tree made by mmdebstrap and kept, with the packages that are wanted later beside it.

Each run has an overlay of its own over the kept tree, and a network of its own that leads nowhere: apt and pip find
what was fetched when the tree was made.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# What a Debian that somebody has just installed has, and a tree has not.
BASE = "systemd,systemd-sysv,dbus,ca-certificates"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
BOOT_SECONDS = 120
STOP_SECONDS = 90
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    # Nobody presses a key.
    "PAGER": "cat",
    "DEBIAN_FRONTEND": "noninteractive",
}


def make_tree(tree: Path, suite: str, packages: list[str]) -> None:
    """Make the tree if there is none with these packages: takes two or three minutes, and the network."""
    made = tree / ".made"
    if made.exists() and made.read_text().split() == packages:
        return
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    # Besides the base only the files of the packages, and apt's lists of them.
    fetch = f'chroot "$1" apt-get install --yes --no-install-recommends --download-only {" ".join(packages)}'
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE}", f"--customize-hook={fetch}"),
            *("--skip=cleanup/apt", suite, str(tree)),
        ],
        check=True,
    )
    (tree / "etc" / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    made.write_text(" ".join(packages))


def fetch_wheels(folder: Path, suite: str, locks: list[Path]) -> None:
    """Fetch the site's packages for that Debian's Python, those that aren't there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    # pip would judge by our own Python which of them are needed: all are fetched.
    lines = [re.sub(" ; .*?(?=$| \\\\$)", "", line) for lock in locks for line in lock.read_text().splitlines()]
    wanted, text = folder / "wanted.txt", "\n".join(line for line in lines if not line.startswith("-r"))
    if wanted.exists() and wanted.read_text() == text:
        return
    draft = wanted.with_suffix(".new")
    draft.write_text(text)
    machine = os.uname().machine
    kinds = [f"manylinux_2_{minor}_{machine}" for minor in (36, 34, 28, 27, 26, 24, 17, 12, 5)]
    platforms = [word for kind in (*kinds, f"manylinux2014_{machine}") for word in ("--platform", kind)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--only-binary=:all:"),
            *("--no-deps", "--implementation=cp", f"--python-version={PYTHON[suite]}", *platforms),
            *("--dest", str(folder), "--requirement", str(draft)),
        ],
        check=True,
    )
    draft.rename(wanted)


def make_packed_tree(tree: Path, bare: Path, wheels: Path, packages: list[str]) -> None:
    """Make a tree that has the packages installed, from the bare one: two minutes that later runs save."""
    if (tree / ".made").exists() and (tree / ".made").stat().st_mtime >= (bare / ".made").stat().st_mtime:
        return
    shutil.rmtree(tree, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="frontrow-bare-") as folder:
        machine = Machine(bare, wheels, Path(folder))
        try:
            machine.boot()
            machine.run(f"apt-get install --yes --no-install-recommends {' '.join(packages)}").check_returncode()
            machine.run("systemctl stop postgresql nginx redis-server")
            machine.halt()
            # Sockets and the like stay behind; what lies in memory isn't there at all.
            subprocess.run(["cp", "--archive", "--one-file-system", str(machine.root), str(tree)], check=True)
        finally:
            machine.stop()
    (tree / ".made").touch()


@dataclass
class Machine:
    """A tree that was booted."""

    tree: Path
    wheels: Path
    work: Path
    nspawn: subprocess.Popen[bytes] | None = None
    leader: int = 0

    @property
    def root(self) -> Path:
        return self.work / "root"

    def boot(self) -> None:
        """Lay the overlay and boot.

        :raises RuntimeError: if it doesn't come up
        """
        for name in ("upper", "overlay", "root"):
            (self.work / name).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={self.tree},upperdir={self.work}/upper,workdir={self.work}/overlay"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)], check=True)
        self.start()

    def start(self) -> None:
        """Switch it on.

        :raises RuntimeError: if it doesn't come up
        """
        with (self.work / "console.log").open("ab") as console:
            self.nspawn = subprocess.Popen(
                [
                    *(
                        "systemd-nspawn",
                        "--quiet",
                        f"--directory={self.root}",
                        "--boot",
                        "--register=no",
                        "--keep-unit",
                    ),
                    *("--private-network", "--console=read-only", f"--bind-ro={self.wheels}:/wheels"),
                ],
                # The kernel's one hierarchy of groups, as every Debian of today has it.
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.await_boot()

    def await_boot(self) -> None:
        """Wait until systemd has started everything.

        :raises RuntimeError: if that takes too long
        """
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            self.leader = self.find_leader()
            if self.leader:
                done = self.run("systemctl is-system-running")
                if done.stdout.strip() in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"it doesn't boot: see {self.work}/console.log")

    def find_leader(self) -> int:
        """The container's first process; 0 if there is none."""
        assert self.nspawn
        tasks = Path(f"/proc/{self.nspawn.pid}/task")
        children = " ".join(path.read_text() for path in tasks.glob("*/children")).split()
        return int(children[0]) if children else 0

    def inside(self, command: str) -> list[str]:
        """The words of a command line that runs inside, as root's own shell would."""
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        return [*enter, "env", "-i", *environment, "bash", "-c", f"cd; {command}"]

    def run(self, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.inside(command), input=stdin, capture_output=True, text=True, check=False)

    def reboot(self) -> None:
        """Reboot it: systemd-nspawn ends then, and asks by its exit code to be started again."""
        self.run("systemctl reboot")
        assert self.nspawn
        self.nspawn.wait(STOP_SECONDS)
        self.start()

    def halt(self) -> None:
        """End everything that runs inside."""
        if self.nspawn and self.nspawn.poll() is None:
            # Its own way to say "power off" to what runs inside.
            self.nspawn.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.nspawn.wait(STOP_SECONDS)
            if self.nspawn.poll() is None:
                self.nspawn.kill()
                self.nspawn.wait()

    def stop(self) -> None:
        """Stop it, and take the overlay away."""
        self.halt()
        if self.root.is_mount():
            subprocess.run(["umount", "--lazy", str(self.root)], check=False)
        shutil.rmtree(self.work, ignore_errors=True)
