"""Follow docs/installation.md on a bare Debian that is booted for it, and look whether it says the truth.

    python bench/drills/bare_host.py [--suite bookworm|trixie] [--quick] [--embedded] [--outages] [--hold]

As root, with mmdebstrap and systemd-nspawn (`apt-get install mmdebstrap systemd-container`), for --outages a C compiler
besides; one at a time. The first run makes a tree in --cache (three minutes, with the network); later ones boot it in
seconds, without any network. Then the commands of the page are typed in its order, what they print is compared with the
page; in between a visitor logs in through nginx, services are killed, settings broken and mended, and pages asked for
while everything is restarted. Exit code 1, and what differed, at the first thing that is not as it should be.
`--quick` begins with a tree that has the Debian packages installed already, and breaks nothing.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import bare_backup
import bare_operations
import bare_outages
import bare_outside
from bare_console import Step, steps_of
from bare_drill import EMAIL, PASSWORD, PROJECT, WHICH_ONE, Drill
from bare_tree import Machine, fetch_wheels, make_packed_tree, make_tree

PAGE = PROJECT / "docs" / "installation.md"
LOCKS = [PROJECT / "deploy" / "requirements" / "production.txt", PROJECT / "requirements.txt"]
SITE = "https://tickets.example.com"
FAN = "fan@example.com"
HAS_ACCOUNT = (
    f"frontrow shell -c 'from concert_site.accounts.models import User; print(User.objects.get(email=\"{EMAIL}\"))'"
)
# As staff would make it in the admin.
SHOW = """
from datetime import timedelta
from reservations.domain.concerts import create_concert
from reservations.domain.schedules import ScheduleTimes, database_now
from reservations.halls.hall import plain_hall
now = database_now()
times = ScheduleTimes(now, now + timedelta(days=1), now + timedelta(days=2))
print(create_concert(name="First night", hall=plain_hall(100, 50_000), times=times).schedule_id)
"""
# What the page has the reader install.
INSTALL = "apt-get install --yes --no-install-recommends "
SERVICES = ("frontrow-web@1", "frontrow-web@2", "frontrow-ticks", "frontrow-worker", "frontrow-beat")
MOST_EXPOSED = 3.0
HOLD_SECONDS = 600
WHAT_UNITS_SAID = "journalctl -u 'frontrow-*' --no-pager -o short-monotonic -n 40"

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
    drill.must("the site goes on by the other process", f"curl -sS --fail {SITE}/readyz")
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
        f"frontrow wait --port 8001 --port 8002 --with-ticks --unit {' --unit '.join(SERVICES)} && frontrow status",
    )
    drill.must_not(
        "manage.py by root",
        "set -a; . /etc/frontrow/frontrow.env; cd /opt/frontrow/current; .venv/bin/python manage.py check --deploy",
        saying="belongs to frontrow",
    )
    drill.must("and nothing of root's is left", "! find /var/lib/frontrow -uid 0 | grep .")


def follow_page(drill: Drill, asked: argparse.Namespace) -> None:
    """The page from its first command to its last, and what is done in between."""
    steps, left_out = steps_of(PAGE)
    before: dict[str, Callable[[], object]] = {
        "apt-get install --yes --no-install-recommends certbot": partial(set_up_outside, drill),
        "certbot certonly": partial(drill.must, "its authority", bare_outside.TELL_CERTBOT),
        "rm -rf /usr/src": partial(drill.must, "a newer release", NEWER_RELEASE),
        "cd /usr/src/frontrow && deploy/install.sh --remove": partial(try_hard, drill, is_quick=asked.quick),
        "systemctl restart caddy": partial(
            drill.must, "its authority", f"{bare_outside.TRUST}\n{bare_outside.TELL_CADDY}"
        ),
        "cd / && runuser -u postgres -- dropdb frontrow && runuser": partial(install_again, drill),
        "cp frontrow-": partial(move_house, drill, next(step for step in steps if "install.sh --host" in step.command)),
    }
    after: dict[str, Callable[[], object]] = {
        "frontrow createsuperuser": partial(open_house, drill),
        "systemctl reload nginx": partial(renew_certificate, drill),
        "frontrow sendtestemail": partial(see_mails, drill),
        "systemctl restart caddy": partial(see_caddy, drill),
        "systemctl start frontrow.target": partial(see_restored, drill),
    }
    for step in steps:
        if asked.outages and "--remove" in step.command:
            look_at_services(drill)
            operate(drill)
            bare_outages.try_outages(drill)
            return
        for beginning in [each for each in before if step.command.startswith(each)]:
            before.pop(beginning)()
        if step.command in WHILE_WATCHED or WHICH_ONE in step.command:
            drill.watched(f"pages meanwhile: {step.command}", partial(drill.follow, step))
        else:
            drill.follow(step)
        for beginning in [each for each in after if step.command.startswith(each)]:
            after.pop(beginning)()
    if before or after:
        sys.exit(f"FAILED: the page has lost {', '.join([*before, *after])}")
    for why in left_out:
        drill.say(f"left out: {why}")


def open_house(drill: Drill) -> None:
    """The first login, and a date whose line fans look at."""
    drill.visit("login", EMAIL, PASSWORD)
    drill.must("a date on sale", "frontrow shell", SHOW)


def see_restored(drill: Drill) -> None:
    drill.must("the account is back", HAS_ACCOUNT)
    drill.visit("fan", FAN, PASSWORD)


def set_up_outside(drill: Drill) -> None:
    (drill.machine.root / "root" / "mail.py").write_text(bare_outside.MAIL_SERVER)
    drill.must("a mail server and a Let's Encrypt", bare_outside.SET_UP + bare_outside.TRUST)


def renew_certificate(drill: Drill) -> None:
    """It is the authority's, is renewed as certbot's timer does it, and nginx takes the new one."""
    serial = "openssl s_client -connect tickets.example.com:443 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    trusted = (
        f"for s in $(seq 10); do sleep 1; curl -sf {SITE}/readyz >/dev/null && break; done; curl -sSf {SITE}/readyz"
    )
    first = drill.must("a certificate that is trusted", f"{trusted} >/dev/null && {serial}")
    renewed = drill.must(
        "renewed", f"certbot renew --quiet --force-renewal --no-random-sleep-on-renew && sleep 2 && {serial}"
    )
    if first == renewed:
        sys.exit("FAILED: nginx goes on with the certificate of before")


def see_mails(drill: Drill) -> None:
    drill.must("the mail is there", "grep -h ^Subject: mails/*-you@example.com")
    drill.visit("signup", FAN, PASSWORD)


def see_caddy(drill: Drill) -> None:
    """Pages, a login and polls through it, and both web processes restarted meanwhile; then it goes."""
    drill.must("its certificate", f"for s in $(seq 60); do curl -sf {SITE}/readyz && exit; sleep 1; done; exit 1")
    drill.visit("fan", FAN, PASSWORD)
    drill.watched("pages by Caddy", partial(drill.must, "meanwhile", "frontrow restart"))
    drill.must("nginx is back", "systemctl disable --quiet --now caddy && systemctl enable --quiet --now nginx")


def try_hard(drill: Drill, *, is_quick: bool) -> None:
    look_at_services(drill)
    if not is_quick:
        operate(drill)
        break_and_mend(drill)


def operate(drill: Drill) -> None:
    """What the pages of daily life have typed on such a host."""
    bare_operations.follow_operations(drill)
    bare_operations.follow_blocks(drill, bare_operations.MONITORING)
    bare_operations.see_metrics(drill)
    bare_backup.follow_backup(drill)
    drill.must("the account is there", HAS_ACCOUNT)


def install_again(drill: Drill) -> None:
    drill.must("installed again", "cd /usr/src/frontrow && deploy/install.sh && frontrow audit | tail -n 1")
    drill.must("the account is still there", HAS_ACCOUNT)
    drill.must("removed again", "cp /var/backups/frontrow/* . && /usr/src/frontrow/deploy/install.sh --remove")


def move_house(drill: Drill, install: Step) -> None:
    """What was kept is gone: a machine that never was this site's, but for its archive and the key."""
    drill.must("nothing is left", "! ls -d /etc/frontrow /var/lib/frontrow 2>/dev/null && ! getent passwd frontrow")
    drill.follow(install)


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
    bare_operations.follow_blocks(drill, bare_operations.OPERATIONS)
    drill.must("metrics", "echo METRICS_ADDRESS=127.0.0.1:9464 >> /etc/frontrow/frontrow.env && frontrow restart")
    bare_operations.see_metrics(drill)


def prepared(asked: argparse.Namespace) -> tuple[Path, Path]:
    """The tree to boot, and the folder of the Python packages that it finds, made where they aren't there yet."""
    commands = [step.command for step in steps_of(PAGE)[0]]
    packages, *more = [command.removeprefix(INSTALL).split() for command in commands if command.startswith(INSTALL)]
    tree, wheels = asked.cache / asked.suite, asked.cache / f"{asked.suite}-wheels"
    make_tree(tree, asked.suite, [*packages, *chain(*more), *bare_outside.PACKAGES])
    fetch_wheels(wheels, asked.suite, LOCKS)
    if not asked.quick:
        return tree, wheels
    packed = asked.cache / f"{asked.suite}-packed"
    make_packed_tree(packed, tree, wheels, packages)
    return packed, wheels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--suite", choices=("bookworm", "trixie"), default="bookworm", help="which Debian (bookworm: 12)"
    )
    parser.add_argument("--cache", type=Path, default=Path("/var/cache/frontrow-drills"), help="where trees are kept")
    parser.add_argument("--quick", action="store_true", help="packages installed before, nothing broken")
    parser.add_argument("--outages", action="store_true", help="instead of the removal: services away, disk full...")
    parser.add_argument("--hold", action="store_true", help="when it fails, keep the machine for ten minutes")
    parser.add_argument("--embedded", action="store_true", help="the embedded PostgreSQL and Redis instead")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bare_host.py: a machine is booted as root alone: run it as root")
    # Ended from outside, it takes its machine down as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    tree, wheels = prepared(asked)
    with tempfile.TemporaryDirectory(prefix="frontrow-bare-") as folder:
        machine = Machine(tree, wheels, Path(folder))
        drill = Drill(machine)
        try:
            machine.boot()
            drill.say(f"a bare Debian ({asked.suite}) is up")
            drill.prepare()
            follow_embedded(drill) if asked.embedded else follow_page(drill, asked)
            drill.say("everything is as docs/installation.md says")
        except SystemExit as failure:
            print(failure, file=sys.stderr, flush=True)
            print(machine.run(WHAT_UNITS_SAID).stdout, file=sys.stderr, flush=True)
            if asked.hold:
                print(" ".join(machine.inside("bash")), file=sys.stderr, flush=True)
                time.sleep(HOLD_SECONDS)
            raise
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
