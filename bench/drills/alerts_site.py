"""What bench/drills/alerts.py works on: a site with all that alerts speak of, and a Prometheus that watches it."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import servers
import stack
from servers import Cluster
from stack import Stack

from concert_site.operations.backup.encryption import new_identity
from payments.tests.mail_server import MailServer, listening
from wallet.tests.provider_server import ProviderServer, provider_server

MONITORING = stack.ROOT / "deploy" / "monitoring"
# How long something must be so before an alert fires is divided by this. Expressions are as they are.
FOR_FACTOR = 20
SCRAPE_SECONDS, LOOK_SECONDS = 3, 0.5
# A cause is over, and what it brought about was seen for the last two minutes, or ten.
GONE_SECONDS = {"FrontrowTasksFail": 700.0}
USUALLY_GONE_SECONDS = 170.0
LABELS = ("part", "queue", "lane", "task", "kind", "folder", "provider", "schedule")
SMALL_DISK = "8m"


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


class Watch(threading.Thread):
    """Asks Prometheus what fires, and writes down when each alert began and ended. An alert is a name and a label."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{port}/api/v1/alerts"
        self.is_over = threading.Event()
        # By alert: when it began, and when it ended.
        self.spells: dict[str, list[tuple[float, float]]] = {}
        self.firing: dict[str, float] = {}

    def run(self) -> None:
        while not self.is_over.wait(LOOK_SECONDS):
            status, body, _ = ask(self.url)
            if status == 200:
                self.note({named(each["labels"]) for each in alerts_in(body)})

    def note(self, firing: set[str]) -> None:
        now = time.monotonic()
        for each in firing - self.firing.keys():
            self.firing[each] = now
        for each in self.firing.keys() - firing:
            self.spells.setdefault(each, []).append((self.firing.pop(each), now))


def alerts_in(body: bytes) -> list[dict[str, Any]]:  # Any: JSON
    return [each for each in json.loads(body)["data"]["alerts"] if each["state"] == "firing"]


def named(labels: dict[str, str]) -> str:
    """The name of an alert, with the part, queue or whatever it is of."""
    return " ".join([labels["alertname"], *(labels[name] for name in LABELS if name in labels)])


@dataclass
class Cause:
    """Something that was done to the site; by alert, after how many seconds it fired."""

    what: str
    fired: dict[str, float]
    ended: float


@dataclass
class Drill:
    """The site and what is around it, what was done to it, and what went wrong."""

    site: Stack
    primary: Cluster
    replica: Cluster
    provider: ProviderServer
    mail: ExitStack
    mail_server: MailServer
    mail_port: int
    media: Path
    backups: Path
    watch: Watch
    causes: list[Cause] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    # --- What is done to it --------------------------------------------------------------------

    def pids(self, name: str) -> list[int]:
        """The processes of a part."""
        ours = self.primary.process
        first = psutil.Process(ours.pid if name == "postgres" and ours else self.site.pid_of(name))
        return [first.pid, *(each.pid for each in first.children(recursive=True))]

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Let the processes of these parts stand still within."""
        pids = [pid for name in names for pid in self.pids(name)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def database(self) -> psycopg.Connection[Any]:  # Any: rows of any shape
        """A connection that triggers leave alone: what would take a day is told to have taken one."""
        connection = psycopg.connect(self.primary.url, autocommit=True, application_name="drill")
        connection.execute("set session_replication_role = replica; set idle_in_transaction_session_timeout = 0")
        return connection

    def sql(self, statement: str, *values: object) -> None:
        with self.database() as connection:
            connection.execute(statement, values or None)

    def run(self, *words: str) -> None:
        """A command of the site."""
        done = self.site.run(*words)
        self.check(done.returncode == 0, f"manage.py {words[0]}: {(done.stdout + done.stderr).strip()[-300:]}")

    def open_mail_server(self) -> None:
        self.mail.enter_context(listening(self.mail_server, self.mail_port))

    # --- What is seen of it --------------------------------------------------------------------

    def cause(
        self, what: str, fault: AbstractContextManager[object], *alerts: str, within: float, least: float = 0.0
    ) -> float:
        """Have something be so until these alerts fire, and for so many seconds at least; when it began."""
        stack.wait_for(lambda: not set(self.watch.firing) & set(alerts), f"{alerts} quiet before", 200)
        began = time.monotonic()
        with fault:
            fired = self.fired(alerts, began, within)
            time.sleep(max(0.0, began + least - time.monotonic()))
        self.causes.append(Cause(what, fired, time.monotonic()))
        told = ", ".join(f"{alert} after {seconds:.0f} s" for alert, seconds in fired.items())
        print(f"{began - self.began:.0f} s: {what}: {told or 'nothing'}", flush=True)
        for alert in set(alerts) - fired.keys():
            self.fail(f"{alert} did not fire within {within:.0f} s: {what}")
        return began

    def fired(self, alerts: tuple[str, ...], began: float, within: float) -> dict[str, float]:
        """After how many seconds each fired; those that didn't in time are missing."""
        found: dict[str, float] = {}
        while len(found) < len(alerts) and time.monotonic() < began + within:
            found |= {each: at - began for each, at in list(self.watch.firing.items()) if each in alerts}
            time.sleep(LOOK_SECONDS / 2)
        return found

    def gone(self, alert: str, ended: float) -> float | None:
        """How long after the end of its cause an alert went; None if it doesn't in its time."""
        until = ended + GONE_SECONDS.get(alert.split(maxsplit=1)[0], USUALLY_GONE_SECONDS)
        while True:
            over = [end for _, end in self.watch.spells.get(alert, ()) if end >= ended]
            if over:
                return over[0] - ended
            if alert not in self.watch.firing:
                # It ended while its cause still was.
                return 0.0
            if time.monotonic() > until:
                self.fail(f"{alert} still fires {until - ended:.0f} s after its cause has ended")
                return None
            time.sleep(LOOK_SECONDS)

    def fail(self, text: str) -> None:
        self.failures.append(text)
        print(f"FAILED: {text}", flush=True)

    def check(self, is_so: bool, text: str) -> None:
        print(f"  {'ok' if is_so else 'NOT SO'}: {text}", flush=True)
        if not is_so:
            self.failures.append(text)

    def table(self) -> str:
        """A row an alert: what caused it, after how many seconds it fired, and went."""
        rows = []
        for cause in self.causes:
            for alert, after in cause.fired.items():
                gone = self.gone(alert, cause.ended)
                rows.append([alert, cause.what, f"{after:.0f}", "not" if gone is None else f"{gone:.0f}"])
        return stack.table(["alert", "cause", "fired after, s", "went after, s"], rows)


# --- Starting all of it ------------------------------------------------------------------------


@contextmanager
def running(log: Callable[[str], None]) -> Iterator[Drill]:
    """All of it, gone afterwards."""
    with ExitStack() as all_of_it:
        enter = all_of_it.enter_context
        folder = enter(servers.folder_for_servers())
        programs = servers.binaries(servers.EMBEDDED_VERSION)
        primary = enter(servers.served(programs, folder, max_connections="100"))
        replica = enter(servers.following(primary, folder / "replica", max_connections="100"))
        provider = enter(provider_server())
        mail_port, metrics_port = stack.free_port(), stack.free_port()
        media = enter(small_disk(folder / "media"))
        environment = {
            "DATABASE_URL": primary.url,
            "REPLICA_DATABASE_URL": replica.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
            "LOG_FORMAT": "json",
            "MEDIA_ROOT": str(media),
            "BACKUP_TO": str(folder / "backups"),
            "BACKUP_RECIPIENT": new_identity()[1],
            "WALLET_PROVIDER": "stripe",
            "PROVIDER_TIMEOUT": "2",
            **provider.settings(),
        }
        site = enter(stack.throwaway(Stack, **environment))
        enter(stack.launched(site))
        log("The site serves.")
        backups = Path(environment["BACKUP_TO"])
        watch = Watch(enter(prometheus(folder, metrics_port)))
        watch.start()
        mail, mail_server = enter(ExitStack()), MailServer()
        drill = Drill(site, primary, replica, provider, mail, mail_server, mail_port, media, backups, watch)
        drill.open_mail_server()
        drill.run("backup")
        try:
            yield drill
        finally:
            watch.is_over.set()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=1777", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@contextmanager
def prometheus(folder: Path, metrics_port: int) -> Iterator[int]:
    """A Prometheus that scrapes the site, with our rules; its port."""
    port = stack.free_port()
    (folder / "alerts.yml").write_text(hastened((MONITORING / "alerts.yml").read_text()))
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {SCRAPE_SECONDS}s, scrape_timeout: {SCRAPE_SECONDS}s, evaluation_interval: 1s}}\n"
        "rule_files: [alerts.yml]\n"
        f"scrape_configs: [{{job_name: frontrow, static_configs: [{{targets: ['127.0.0.1:{metrics_port}']}}]}}]\n"
    )
    words = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        stack.wait_for(lambda: ask(f"http://127.0.0.1:{port}/-/ready")[0] == 200, "Prometheus answers")
        yield port
    finally:
        server.terminate()
        server.wait(stack.PATIENCE_SECONDS)


def hastened(rules: str) -> str:
    """The rules with each `for` divided by FOR_FACTOR."""

    def shorter(found: re.Match[str]) -> str:
        return f"for: {int(found[1]) * {'s': 1, 'm': 60, 'h': 3600}[found[2]] * 1000 // FOR_FACTOR}ms"

    return re.sub(r"for: (\d+)([smh])\b", shorter, rules)


def require_programs() -> None:
    """:raises SystemExit: if Prometheus isn't installed, or a disk can't be mounted"""
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        raise SystemExit("Prometheus is not installed: apt-get install --no-install-recommends prometheus")
    if os.geteuid() != 0:
        raise SystemExit("A disk that is nearly full is mounted for this: run it as root.")
    subprocess.run(["promtool", "test", "rules", str(MONITORING / "alerts_test.yml")], check=True)
