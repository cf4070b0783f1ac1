#!/usr/bin/env python
"""Back a site up under a sale, lose its machine, and restore it on another one with other secrets.

    .venv/bin/python bench/drills/backup_elsewhere.py [--seats 300] [--rate 20]

The store is S3-compatible (moto, out of requirements-dev.txt) and a folder, both of this machine. The other machine is
a network and mount namespace (root only; else another data directory) in which the first one's data can't be seen.
Checked: a backup under a sale has every payment that was answered before it began; one that is killed half-way is not
there, in neither store; a wrong passphrase, a wrong key and a changed byte are refused; --verify; what is restored has
those payments; tickets hold by the backup's keys and not by others; passwords log in. Ends with 1 on anything else.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stack
from sale import Sale, payments_in
from stack import Stack

from concert_site.operations.backup.encryption import new_identity

BUCKET = "s3://backups/frontrow"
# A ticket's text, and the address of a fan of the first machine whose password is known.
A_TICKET = """
from payments.models import Payment
from reservations.models import Reservation
from reservations.tickets.codes import ticket_of
payment = Payment.objects.filter(state="COMPLETED").latest("pk")
rows = Reservation.objects.select_related("concert_seat", "concert__venue", "concert_schedule__concert__venue")
found = rows.get(pk=payment.reservation_id)
print(ticket_of(found, payment_id=payment.pk).text)
"""
LOG_IN = """
import sys
from django.test import Client
sent = {"email": "%s", "password": "%s"}
print(Client().post("/_allauth/app/v1/auth/login", sent, content_type="application/json").status_code)
"""


class Drill:
    """Counts what isn't as it should be."""

    def __init__(self) -> None:
        self.faults = 0

    def expect(self, what: str, *, is_so: bool) -> None:
        print(f"{'ok   ' if is_so else 'FAULT'} {what}")
        self.faults += not is_so


@dataclass(frozen=True)
class Left:
    """What the first machine has left: an archive, what opens it, and what must be in it."""

    archive: Path
    identity: str
    answered: set[tuple[int, int]]
    ticket: str
    fan: Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """The other machine, where there is no network and nothing of the first one, if root may have that so."""

    site: Stack
    hidden: Path

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        if os.geteuid() == 0:
            hide = f'ip link set lo up; mount -t tmpfs none {self.hidden}; exec "$@"'
            command = ["unshare", "--net", "--mount", "sh", "-c", hide, "sh", *command]
        full = {**self.site.environment, **environment}
        return subprocess.run(command, cwd=stack.ROOT, env=full, capture_output=True, text=True, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, default=800)
    parser.add_argument("--quick", action="store_true", help="only what is restored elsewhere: no refusals, no kills")
    parser.add_argument("--rate", type=float, default=20, help="payments a second")
    asked = parser.parse_args()
    # Whoever ends us ends what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    drill = Drill()
    with tempfile.TemporaryDirectory(prefix="frontrow-elsewhere-") as folder, s3() as store:
        Path(folder).chmod(0o711)
        run(drill, Path(folder), store, asked)
    sys.exit(1 if drill.faults else 0)


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """An S3-compatible store on loopback, and how it is reached."""
    port = stack.free_port()
    where = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "drill",
        "AWS_SECRET_ACCESS_KEY": "drill",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        stack.wait_for_port(port)
        os.environ.update(where)
        import boto3  # it reads the environment

        boto3.client("s3").create_bucket(Bucket="backups")
        yield where
    finally:
        server.terminate()
        server.wait()


def run(drill: Drill, folder: Path, store: Mapping[str, str], asked: argparse.Namespace) -> None:
    for name in ("other.txt", "key.txt"):
        private, public = new_identity()
        (folder / name).write_text(private)
    (folder / "words").write_text("correct horse battery staple\n")
    (folder / "other-words").write_text("another horse altogether\n")
    with stack.running(**store, BACKUP_RECIPIENT=public, BACKUP_TO=BUCKET) as site:
        audience = site.make_audience(asked.seats)
        selling = Sale(site, audience, asked.rate)
        selling.resume()
        time.sleep(4)
        began = time.time()
        made = last_line(said := manage(site, "backup"))
        print(said.stdout.strip())
        print(f"Took {time.time() - began:.1f} s while {len(selling.paid)} seats were sold.")
        selling.end()
        answered = [one for one in selling.paid if one.at < began]
        ticket = manage(site, "shell", "-v0", "-c", A_TICKET).stdout.strip()
        (fan,) = site.manage("make_fans", "1")
        manage(site, "backup", "--no-prune")
        newest = manage(site, "backup", "--list").stdout.split()[-1]
        if not asked.quick:
            try_out(drill, site, folder, str(made["backup"]))
        here = folder / "fetched.tar.age"
        fetch(newest, here)
        left = Left(here, str(folder / "key.txt"), {(one.reservation, one.fan) for one in answered}, ticket, fan)
        with stack.throwaway(Stack, MODE="test") as other:
            elsewhere(drill, Machine(other, site.data_dir), folder, left)


def try_out(drill: Drill, site: Stack, folder: Path, made: str) -> None:
    """Verify a backup, be killed while making one, and open what must not open."""
    kept = str(folder / "kept")
    locked = last_line(
        manage(site, "backup", BACKUP_RECIPIENT="", BACKUP_PASSPHRASE_FILE=str(folder / "words"), BACKUP_TO=kept)
    )
    kill_half_way(drill, site, folder)
    refuse(drill, site, folder, locked["backup"])
    started = time.time()
    verified = manage(site, "backup", "--verify", made, "--identity", str(folder / "key.txt"))
    drill.expect(f"--verify of a backup in the bucket, {time.time() - started:.1f} s", is_so=verified.returncode == 0)


def kill_half_way(drill: Drill, site: Stack, folder: Path) -> None:
    """A backup that is killed while it is written leaves none, wherever it goes."""
    for to in (BUCKET, str(folder / "killed")):
        before = manage(site, "backup", "--list", "--to", to).stdout
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = site.begin("backup", "--to", to, environment={"PYTHONUNBUFFERED": "1"}, **pipes)
        assert process.stdout is not None
        # It says what it has counted; then it writes.
        process.stdout.readline()
        time.sleep(0.05)
        process.kill()
        process.wait()
        after = manage(site, "backup", "--list", "--to", to).stdout
        drill.expect(f"killed while it wrote to {to}: none is there", is_so=after == before)


def refuse(drill: Drill, site: Stack, folder: Path, locked: object) -> None:
    """What must not be restored."""
    file = Path(str(locked))
    good = manage(site, "backup", "--verify", str(file), BACKUP_PASSPHRASE_FILE=str(folder / "words"))
    drill.expect("a passphrase opens what it closed", is_so=good.returncode == 0)
    bad = manage(site, "backup", "--verify", str(file), BACKUP_PASSPHRASE_FILE=str(folder / "other-words"))
    drill.expect(f"another doesn't: {bad.stderr.strip()}", is_so="doesn't open" in bad.stderr)
    newest = manage(site, "backup", "--list").stdout.split()[-1]
    changed = folder / "changed.tar.age"
    fetch(newest, changed)
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    bad = manage(site, "backup", "--verify", str(changed), "--identity", str(folder / "key.txt"))
    drill.expect(f"a changed byte: {bad.stderr.strip()}", is_so="damaged" in bad.stderr)
    bad = manage(site, "backup", "--verify", newest, "--identity", str(folder / "other.txt"))
    drill.expect(f"another key: {bad.stderr.strip()}", is_so="doesn't open" in bad.stderr)
    bad = manage(site, "restore", newest, "--identity", str(folder / "key.txt"))
    drill.expect(f"a database that isn't empty: {bad.stderr.strip()}", is_so="isn't empty" in bad.stderr)
    bad = manage(site, "restore", newest, "--identity", str(folder / "key.txt"), "--replace", "frontrow")
    drill.expect(f"one that is in use: {bad.stderr.strip()}", is_so="in use" in bad.stderr)


def elsewhere(drill: Drill, other: Machine, folder: Path, left: Left) -> None:
    """Restore it there, and look whether what it said holds."""
    theirs = {"SECRET_KEY": secrets.token_urlsafe(50), "JWT_PRIVATE_KEY": secrets.token_urlsafe(50)}
    keys = folder / "keys"
    done = other.manage("restore", str(left.archive), "--identity", left.identity, "--keys-to", str(keys), **theirs)
    print(done.stdout.strip())
    drill.expect("restored on another machine, with other secrets", is_so=done.returncode == 0)
    if done.returncode:
        print(done.stderr)
        return
    kept = {file.name: file.read_text() for file in keys.iterdir()}
    by_others = other.manage("check_ticket", left.ticket, **theirs)
    drill.expect(f"a ticket fails by other keys: {by_others.stderr.strip()}", is_so=by_others.returncode == 1)
    by_ours = other.manage("check_ticket", left.ticket, **kept)
    drill.expect(f"and holds by the backup's: {by_ours.stdout.strip()[-30:]}", is_so=by_ours.returncode == 0)
    sent = LOG_IN % (left.fan["email"], left.fan["password"])
    for name, environment in (("the backup's", kept), ("other", theirs)):
        logged_in = other.manage("shell", "-v0", "-c", sent, **environment).stdout.strip()
        drill.expect(f"a password logs in with {name} keys: {logged_in}", is_so=logged_in == "200")
    drill.expect("audit", is_so=other.manage("audit", **kept).returncode == 0)
    with stack.launched(other.site, environment=kept), other.site.connect() as connection:
        missing = left.answered - payments_in(connection)
    said = f"{len(left.answered)} payments answered before the backup: {len(missing)} missing"
    drill.expect(said, is_so=not missing)


def manage(site: Stack, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return site.run(*words, environment=environment)


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def fetch(address: str, to: Path) -> None:
    import boto3  # it reads the environment

    bucket, _, key = address.removeprefix("s3://").partition("/")
    boto3.client("s3").download_file(bucket, key, str(to))


if __name__ == "__main__":
    main()
