"""Follow docs/installation.md on a bare Debian that is booted for it, and look whether it says the truth.

    python bench/drills/bare_host.py [--suite bookworm|trixie] [--quick] [--embedded] [--hold]

As root, with mmdebstrap and systemd-nspawn (`apt-get install mmdebstrap systemd-container`). The first run makes a tree
in --cache (three minutes, with the network); later ones boot it in seconds, without any network. Then the commands of
the page are typed in its order, what they print is compared with the page, and in between a visitor logs in through
nginx, services are killed, settings broken and mended, and pages asked for all the time while everything is restarted.
Exit code 1, and what differed, at the first thing that isn't as it should be. `--quick` begins with a tree that has the
Debian packages installed already, and breaks nothing.
"""

import argparse
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bare_console import Step, steps_of
from bare_tree import Machine, fetch_wheels, make_packed_tree, make_tree

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "installation.md"
LOCKS = [PROJECT / "deploy" / "requirements" / "production.txt", PROJECT / "requirements.txt"]
VISITOR = Path(__file__).with_name("bare_visitor.py")
EMAIL, PASSWORD = "boss@example.com", "First-night-of-1987"
# What the page has the reader install.
INSTALL = "apt-get install --yes --no-install-recommends "
SERVICES = ("frontrow-web@1", "frontrow-web@2", "frontrow-ticks", "frontrow-worker", "frontrow-beat")
MOST_EXPOSED = 3.0
# The longest that pages are asked for while something is done.
WATCH_SECONDS = 300
HOLD_SECONDS = 600

# What fans must not notice.
WHILE_WATCHED = ("frontrow restart", "cd /usr/src/frontrow && deploy/install.sh")
NEWER_RELEASE = "tar -xzf frontrow.tar.gz && echo Newer. >> frontrow/CHANGELOG.md && tar -czf frontrow.tar.gz frontrow"
ODD_SETTINGS = r"""
ODD1="a\"b\\c\$d\`e\n"
ODD2='-----BEGIN\nx'
ODD3=lost\n # no comment  \
goes on
ODD4="x"'y' z
# no assignment
ODD5="two
lines"
"""
# Run inside: what frontrow reads, against what systemd gave a process.
COMPARE_SETTINGS = """
import importlib.machinery, sys
frontrow = importlib.machinery.SourceFileLoader("frontrow", "/usr/local/bin/frontrow").load_module()
ours = frontrow.read_env(open(sys.argv[1]).read())
theirs = dict(entry.split("=", 1) for entry in open(sys.argv[2]).read().split("\\0") if entry)
wrong = {name: (value, theirs.get(name)) for name, value in ours.items() if theirs.get(name) != value}
print(len(ours), "settings, read differently:", wrong)
sys.exit(bool(wrong) or len(ours) < 12)
"""


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
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = "\0".join(name for name in names if name and (PROJECT / name).exists())
        packed = ["tar", "--null", "--files-from=-", "--transform=s,^,frontrow/,", "-czf", str(archive)]
        subprocess.run(packed, cwd=PROJECT, input=files, text=True, check=True)
        # Debian's installer writes the first line; the tree comes without.
        self.machine.run("printf '127.0.0.1 %s\\n' localhost tickets.example.com >> /etc/hosts")

    def follow(self, step: Step) -> None:
        """Type a command of the page, and compare."""
        if step.command == "systemctl reboot":
            self.machine.reboot()
            self.say("# systemctl reboot")
            return
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
        self.must("a visitor", f"python3 - {' '.join(words)}", VISITOR.read_text())

    def watched(self, what: str, work: Callable[[], None]) -> None:
        """Do something while pages are asked for all the time; none may fail."""
        (self.machine.root / "root" / "visitor.py").write_text(VISITOR.read_text())
        watch = subprocess.Popen(
            self.machine.inside(f"python3 visitor.py watch {WATCH_SECONDS}"), stdout=subprocess.PIPE, text=True
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


def look_at_services(drill: Drill) -> None:
    """As they are: hardened, unprivileged, and with the settings that were written."""
    for unit in SERVICES:
        said = drill.machine.run(f"systemd-analyze security {unit} | tail -n 1").stdout
        exposure = float(re.findall(r"service: ([0-9.]+)", said)[0])
        if exposure >= MOST_EXPOSED:
            sys.exit(f"FAILED: {unit} is exposed: {said}")
    drill.say(f"systemd-analyze security: {exposure} for the last of {len(SERVICES)}")
    drill.must(
        "nobody else reads the secrets", "! runuser -u nobody -- cat /etc/frontrow/secrets/secret_key 2>/dev/null"
    )
    by_systemd = "systemd-run --quiet --wait --pipe -p EnvironmentFile=/root/odd.env env -0"
    drill.must(
        "settings are read alike by systemd and by frontrow",
        f"cat /etc/frontrow/frontrow.env - > odd.env; {by_systemd} > odd.read; python3 - odd.env odd.read <<'END'\n"
        f"{COMPARE_SETTINGS}END",
        ODD_SETTINGS,
    )


def break_and_mend(drill: Drill) -> None:
    """What doesn't run isn't called active, and is told; what root does at first locks nobody out."""
    settings = "/etc/frontrow/frontrow.env"
    drill.must("a setting that can't work", f"cp -a {settings} /root/kept.env && echo 'ALLOWED_HOSTS=*' >> {settings}")
    drill.must_not("restart with it", "frontrow restart", saying="frontrow-web@1 does not start")
    drill.must(
        "the site goes on by the other process",
        "curl -sS --fail --cacert /etc/frontrow/tls/fullchain.pem https://tickets.example.com/readyz",
    )
    drill.must("what it says", "journalctl -u frontrow-web@1 -o cat | grep -m 1 'ALLOWED_HOSTS takes every host'")
    drill.must(
        "mended", f"cp -a /root/kept.env {settings} && systemctl reset-failed && frontrow restart && frontrow status"
    )
    drill.must(
        "everything stopped", "systemctl stop frontrow.target && ! systemctl is-active frontrow-web@1 frontrow-beat"
    )
    drill.must("PostgreSQL stopped", "systemctl stop 'postgresql@*'")
    drill.must_not("start without PostgreSQL", "systemctl start frontrow-web@1 2>&1", saying="failed")
    drill.must("PostgreSQL is back", "systemctl restart postgresql; systemctl start frontrow.target")
    for unit in SERVICES:
        drill.must(f"kill -9 of {unit}", f"systemctl kill --signal=KILL {unit}; sleep 1")
    drill.must(
        "all of it is back by itself",
        "frontrow wait --port 8001 --port 8002 --with-ticks --unit frontrow-worker && frontrow status",
    )
    drill.must_not(
        "manage.py by root",
        "set -a; . /etc/frontrow/frontrow.env; cd /opt/frontrow/current; .venv/bin/python manage.py check --deploy",
        saying="belongs to frontrow",
    )
    drill.must("and nothing of root's is left", "! find /var/lib/frontrow -uid 0 | grep .")


def follow_page(drill: Drill, *, is_quick: bool) -> None:
    """The page from its first command to its last, and what is done in between."""
    steps, left_out = steps_of(PAGE)
    for step in steps:
        if "--remove" in step.command:
            look_at_services(drill)
            if not is_quick:
                break_and_mend(drill)
        if step.command in WHILE_WATCHED:
            drill.watched(f"pages meanwhile: {step.command}", partial(drill.follow, step))
        elif step.command.startswith("rm -rf /usr/src"):
            drill.must("a newer release", NEWER_RELEASE)
            drill.follow(step)
        else:
            drill.follow(step)
        if "createsuperuser" in step.command:
            drill.visit("login", EMAIL, PASSWORD)
    for why in left_out:
        drill.say(f"left out: {why}")
    drill.must(
        "installed again after its removal", "cd /usr/src/frontrow && deploy/install.sh && frontrow audit | tail -n 1"
    )
    drill.must(
        "the account is still there",
        f"frontrow shell -c 'from concert_site.accounts.models import User; User.objects.get(email=\"{EMAIL}\")'",
    )


def follow_embedded(drill: Drill) -> None:
    """The small house's way: one service, with its own PostgreSQL and Redis."""
    drill.must("packages", f"{INSTALL} python3 python3-venv nginx openssl curl")
    drill.must(
        "unpacked", "mkdir -p /usr/src/frontrow && tar -xzf frontrow.tar.gz -C /usr/src/frontrow --strip-components=1"
    )
    drill.must("installed", "cd /usr/src/frontrow && deploy/install.sh --host tickets.example.com --embedded")
    drill.must("status", "frontrow status")
    code, said = drill.type(Step("frontrow createsuperuser", ()))
    if code:
        sys.exit(f"FAILED: createsuperuser\n{said}")
    drill.visit("login", EMAIL, PASSWORD)
    drill.machine.reboot()
    drill.must("after a reboot", "frontrow status")
    drill.must(
        "stopped, a command starts the services for itself",
        "systemctl stop frontrow-embedded && frontrow audit | tail -n 1",
    )
    drill.must(
        "started again",
        "systemctl start frontrow-embedded && frontrow status && ! find /var/lib/frontrow -uid 0 | grep .",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--suite", choices=("bookworm", "trixie"), default="bookworm", help="which Debian (bookworm: 12)"
    )
    parser.add_argument("--cache", type=Path, default=Path("/var/cache/frontrow-drills"), help="where trees are kept")
    parser.add_argument("--quick", action="store_true", help="packages installed before, nothing broken")
    parser.add_argument("--hold", action="store_true", help="when it fails, keep the machine for ten minutes")
    parser.add_argument("--embedded", action="store_true", help="the embedded PostgreSQL and Redis instead")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bare_host.py: a machine is booted as root alone: run it as root")
    (install,) = [step.command for step in steps_of(PAGE)[0] if step.command.startswith(INSTALL)]
    # Ended from outside, it takes its machine down as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    packages = install.removeprefix(INSTALL).split()
    tree = asked.cache / asked.suite
    make_tree(tree, asked.suite, packages)
    wheels = asked.cache / f"{asked.suite}-wheels"
    fetch_wheels(wheels, asked.suite, LOCKS)
    if asked.quick:
        make_packed_tree(asked.cache / f"{asked.suite}-packed", tree, wheels, packages)
        tree = asked.cache / f"{asked.suite}-packed"
    with tempfile.TemporaryDirectory(prefix="frontrow-bare-") as folder:
        machine = Machine(tree, wheels, Path(folder))
        drill = Drill(machine)
        try:
            machine.boot()
            drill.say(f"a bare Debian ({asked.suite}) is up")
            drill.prepare()
            follow_embedded(drill) if asked.embedded else follow_page(drill, is_quick=asked.quick)
            drill.say("everything is as docs/installation.md says")
        except SystemExit as failure:
            print(failure, file=sys.stderr, flush=True)
            if asked.hold:
                print(" ".join(machine.inside("bash")), file=sys.stderr, flush=True)
                time.sleep(HOLD_SECONDS)
            raise
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
