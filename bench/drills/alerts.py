"""Cause what the alert rules warn of, on a running site under load, and see whether a real Prometheus says so.

    apt-get install --no-install-recommends prometheus     (its service need not run)
    .venv/bin/python bench/drills/alerts.py

It starts a site of its own (MODE=demo) in a temporary folder and a Prometheus that scrapes it every three seconds, with
`for` and windows shortened; causes one fault after the other; asks pages and probes meanwhile; ends all that
it started. Loopback alone, about four minutes. What no site can be made to do in that time is tried with made-up
series: promtool test rules deploy/monitoring/alerts_test.yml. Exit code 0: each expected alert fired, and was quiet
before, and the probes answered as they must.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

PROJECT = Path(__file__).resolve().parents[2]
MONITORING = PROJECT / "deploy" / "monitoring"
READY_SECONDS = 150
# The name of an alert, and of which part or queue.
Alert = tuple[str, str]
# By path: how many answers of each status, and the longest in seconds.
Found = dict[str, tuple[dict[int, int], float]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, seconds: float = 12.0) -> tuple[int, bytes, float]:
    """Status, body and seconds of one request; status 0 where nothing came."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except (OSError, ValueError):
        status, body = 0, b""
    return status, body, time.monotonic() - began


class Load:
    """Asks for the same few addresses all the while, and keeps what came."""

    def __init__(self, base: str) -> None:
        self.base, self.stopped = base, threading.Event()
        self.seen: list[tuple[str, float, int, float, bytes]] = []
        for path, pause in (
            ("healthz", 0.1), ("readyz", 0.2), ("", 0.3), ("accounts/login/", 0.3), ("api/v1/concerts/", 0.1),
            ("api/v1/schedules/3/queue/", 0.05),
        ):  # fmt: skip
            threading.Thread(target=self.run, args=(path, pause), daemon=True).start()

    def run(self, path: str, pause: float) -> None:
        while not self.stopped.wait(pause):
            began = time.monotonic()
            status, body, seconds = ask(self.base + path)
            self.seen.append((path, began, status, seconds, body[:200] if path == "readyz" else b""))

    def since(self, moment: float) -> Found:
        """By path: how many of each status, and the longest in seconds."""
        statuses: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        longest: dict[str, float] = defaultdict(float)
        for path, began, status, seconds, _body in list(self.seen):
            if began >= moment:
                statuses[path][status] += 1
                longest[path] = max(longest[path], seconds)
        return {path: (dict(counts), longest[path]) for path, counts in statuses.items()}


class Drill:
    """The site, the Prometheus, and what went wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: list[str] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.port, self.metrics, self.prometheus = free_port(), free_port(), free_port()
        self.data = folder / "data"

    def start(self, words: list[str], name: str, **environment: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            words,
            cwd=PROJECT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,
        )
        self.processes.append(process)

    def start_site(self) -> None:
        # A disk of its own for posters, and a mail server that isn't there.
        self.start(
            [sys.executable, "manage.py", "up", "--demo", "--port", str(self.port), "--data-dir", str(self.data)],
            "up",
            METRICS_ADDRESS=f"127.0.0.1:{self.metrics}",
            EMAIL_URL="smtp://127.0.0.1:9",
            LOG_FORMAT="json",
        )
        self.wait(lambda: b"Ready:" in (self.folder / "up.log").read_bytes(), "the site", READY_SECONDS)

    def start_prometheus(self) -> None:
        rules = (MONITORING / "alerts.yml").read_text()
        rules = re.sub(r"for: \d+\w", "for: 2s", rules)
        rules = re.sub(r"\[\d+m\]", "[20s]", rules)
        (self.folder / "alerts.yml").write_text(rules)
        (self.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s}\nrule_files: [alerts.yml]\n"
            "scrape_configs:\n  - job_name: frontrow\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{self.metrics}']}}]\n"
        )
        self.start(
            [
                "prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{self.prometheus}", "--log.level=warn",
            ],
            "prometheus",
        )  # fmt: skip
        self.wait(lambda: ask(f"http://127.0.0.1:{self.prometheus}/-/ready")[0] == 200, "Prometheus", 30)

    def wait(self, is_so: Callable[[], bool], what: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until:
                raise SystemExit(f"{what} didn't come within {seconds} s; logs: {self.folder}")
            time.sleep(0.2)

    def firing(self) -> set[Alert]:
        _, body, _ = ask(f"http://127.0.0.1:{self.prometheus}/api/v1/alerts")
        alerts = json.loads(body)["data"]["alerts"] if body else []
        return {
            (each["labels"]["alertname"], each["labels"].get("part") or each["labels"].get("queue") or "")
            for each in alerts
            if each["state"] == "firing"
        }

    def pids(self, name: str) -> list[int]:
        """The processes of a part, by what they are called."""
        ours = psutil.Process(self.processes[0].pid).children(recursive=True)
        if name == "postgres":
            return [each.pid for each in ours if "postgres" in each.name()]
        if name == "redis":
            return [each.pid for each in ours if re.search("redis|valkey", each.name())]
        # The kernel keeps fifteen letters.
        return [each.pid for each in ours if each.name()[:15] == f"frontrow-{name}"[:15]]

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Let the processes of these parts stand still within."""
        pids = [pid for name in names for pid in self.pids(name)]
        assert pids, f"no process of {names}"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def expect(self, what: str, wanted: Iterable[Alert], seconds: float) -> None:
        """Wait until all of these fire."""
        began, missing = time.monotonic(), set(wanted)
        fired: dict[Alert, int] = {}
        while missing and time.monotonic() - began < seconds:
            for each in missing & self.firing():
                fired[each] = round(time.monotonic() - began)
            missing -= fired.keys()
            time.sleep(0.5)
        said = ", ".join(
            f"{name}{f' ({label})' if label else ''} after {fired[name, label]} s" for name, label in sorted(fired)
        )
        print(f"{what}: {said or 'nothing'}", flush=True)
        for name, label in sorted(missing):
            self.fail(f"{name} {label} did not fire within {seconds} s: {what}")

    def expect_quiet(self, wanted: Iterable[Alert], seconds: float) -> None:
        """Wait until none of these fires any more."""
        until = time.monotonic() + seconds
        while self.firing() & set(wanted):
            if time.monotonic() > until:
                self.fail(f"still firing: {sorted(self.firing() & set(wanted))}")
                return
            time.sleep(0.5)

    def fail(self, text: str) -> None:
        self.failures.append(text)
        print(f"FAILED: {text}", flush=True)

    def check(self, is_so: bool, text: str) -> None:
        print(f"  {'ok' if is_so else 'NOT SO'}: {text}", flush=True)
        if not is_so:
            self.failures.append(text)

    def database(self) -> psycopg.Connection:
        socket_folder = self.data / "run"
        found = next(each for each in socket_folder.resolve().rglob(".s.PGSQL.*") if not each.name.endswith(".lock"))
        host = str(found.parent)
        return psycopg.connect(host=host, dbname="frontrow", user="frontrow", autocommit=True)

    def end(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def shown(found: Found) -> dict[str, tuple[dict[int, int], float]]:
    return {f"/{path}": (statuses, round(longest, 2)) for path, (statuses, longest) in found.items()}


def workers_frozen(drill: Drill) -> None:
    wanted = [("FrontrowPartLate", "ticks"), ("FrontrowPartLate", "worker"), ("FrontrowQueueLong", "ticks")]
    with drill.frozen("ticks", "worker"):
        drill.expect("ticks and worker stand still", wanted, 100)
        body = json.loads(ask(f"http://127.0.0.1:{drill.port}/readyz")[1])
        drill.check((body["status"], body["ticks"], body["worker"]) == ("degraded", "late", "late"), f"/readyz: {body}")
    drill.expect_quiet(wanted, 30)


def beat_frozen(drill: Drill) -> None:
    with drill.frozen("beat"):
        drill.expect("beat stands still", [("FrontrowPartLate", "beat")], 30)
    drill.expect_quiet([("FrontrowPartLate", "beat")], 30)


def redis_frozen(drill: Drill, load: Load) -> None:
    began = time.monotonic()
    with drill.frozen("redis"):
        drill.expect("Redis stands still", [("FrontrowRedisAway", ""), ("FrontrowBrokerAway", "")], 30)
        time.sleep(max(0.0, 60 - (time.monotonic() - began)))
    found = load.since(began)
    print("  for a minute:", shown(found))
    drill.check(set(found["readyz"][0]) == {200}, "/readyz stays 200")
    drill.check(set(found["healthz"][0]) == {200}, "/healthz stays 200")
    drill.check(set(found["api/v1/concerts/"][0]) == {200}, "the programme is served")
    said = [body for path, at, _, _, body in load.seen if path == "readyz" and began + 3 < at < began + 58]
    drill.check(all(b'"degraded"' in body for body in said), "/readyz says degraded")
    drill.expect_quiet([("FrontrowRedisAway", "")], 30)


def postgres_frozen(drill: Drill, load: Load) -> None:
    began = time.monotonic()
    wanted = [("FrontrowPostgresAway", ""), ("FrontrowPostgresSilent", ""), ("FrontrowServerErrors", "")]
    with drill.frozen("postgres"):
        drill.expect("PostgreSQL stands still", wanted, 34)
        time.sleep(max(0.0, 35 - (time.monotonic() - began)))
    thawed = time.monotonic()
    found = load.since(began)
    print("  for 35 s:", shown(found))
    drill.check(found["healthz"][1] < 1 and set(found["healthz"][0]) == {200}, "/healthz is answered within a second")
    drill.check(found["readyz"][1] < 2.5, "/readyz is answered within 2.5 s")
    drill.check(max(longest for _, longest in found.values()) < 3, "nothing waits longer than 3 s")
    polls, _longest = found["api/v1/schedules/3/queue/"]
    drill.check(set(polls) == {200}, "polls of a line are answered")
    drill.wait(lambda: ask(f"http://127.0.0.1:{drill.port}/accounts/login/")[0] == 200, "a page", 20)
    print(f"  a page again {time.monotonic() - thawed:.1f} s after PostgreSQL goes on")
    drill.expect_quiet([("FrontrowPostgresAway", ""), ("FrontrowPostgresSilent", "")], 30)


def by_statement(drill: Drill) -> None:
    """What a few statements bring about: connections, a mail that is owed, a task that was changed."""
    wanted = [
        ("FrontrowConnectionsNearlyUsed", ""), ("FrontrowMailServerAway", ""), ("FrontrowPeriodicTaskChanged", ""),
    ]  # fmt: skip
    with drill.database() as connection:
        changed = connection.execute(
            "update payment set confirmed_mail_at = null where state = 'COMPLETED' returning id"
        ).fetchall()
        print(f"  {len(changed)} mails are owed")
        connection.execute(
            "update django_celery_beat_periodictask set enabled = false where name = 'concert_site.audit'"
        )
        ((used,),) = connection.execute("select count(*) from pg_stat_activity where backend_type = 'client backend'")
        # Some are left for the site, and for who asks how many there are.
        kept = [drill.database() for _ in range(91 - used)]
        drill.expect(f"{len(kept)} connections, a task switched off, a mail server that is away", wanted, 60)
        for each in kept:
            each.close()


def metrics_frozen(drill: Drill) -> None:
    with drill.frozen("metrics"):
        drill.expect("the process of the metrics stands still", [("FrontrowNotScraped", "")], 30)
    drill.expect_quiet([("FrontrowNotScraped", "")], 30)


def main() -> None:
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        sys.exit("prometheus and promtool are not installed: apt-get install --no-install-recommends prometheus")
    subprocess.run(["promtool", "test", "rules", str(MONITORING / "alerts_test.yml")], check=True)
    folder = Path(tempfile.mkdtemp(prefix="frontrow-alerts-"))
    drill = Drill(folder)
    try:
        drill.start_site()
        drill.start_prometheus()
        load = Load(f"http://127.0.0.1:{drill.port}/")
        time.sleep(12)
        drill.check(not drill.firing(), f"nothing fires while all is well: {sorted(drill.firing())}")
        metrics_frozen(drill)
        by_statement(drill)
        postgres_frozen(drill, load)
        beat_frozen(drill)
        redis_frozen(drill, load)
        workers_frozen(drill)
        load.stopped.set()
    finally:
        drill.end()
    print(f"{'FAILED' if drill.failures else 'all as expected'}; logs: {folder}")
    sys.exit(bool(drill.failures))


if __name__ == "__main__":
    main()
