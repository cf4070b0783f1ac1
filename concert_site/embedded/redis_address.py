"""Where Redis is, in one line: a server, servers under Sentinel, or a Cluster; what Celery makes of it."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

SERVER, SOCKET, SENTINEL, CLUSTER = "redis", "unix", "redis+sentinel", "redis+cluster"
PORTS = {SERVER: 6379, SENTINEL: 26379, CLUSTER: 6379}
FORMS = (
    "redis://host:port/0, rediss://... for TLS, unix:///path?db=0,"
    " redis+sentinel://host:port,host:port,host:port/service/0 or redis+cluster://host:port,host:port"
)
NODE = re.compile(r"(?P<host>\[[^\]]+\]|[^\s:\[\]/@]+)(?::(?P<port>\d{1,5}))?")
MOST_PORT = 65_535
# How long Celery waits for a sentinel.
SENTINEL_SECONDS = 2.0
# What may be said of TLS by settings of their own; each names a file.
TLS_FILES = {"ssl_ca_certs": "REDIS_CA_PATH", "ssl_certfile": "REDIS_CERTIFICATE_PATH", "ssl_keyfile": "REDIS_KEY_PATH"}


@dataclass(frozen=True)
class RedisAddress:
    """One that was read. `nodes` are servers, sentinels, or some of a cluster; `service` is what sentinels call it."""

    kind: str
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = None
    is_tls: bool = False

    @property
    def login(self) -> dict[str, str]:
        """Who asks, in redis-py's words; nothing for who need not say."""
        said = {"username": self.username, "password": self.password}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def plain_url(self) -> str:
        """A single server's address in redis-py's own form."""
        if self.kind == SOCKET:
            return f"unix://{quote(self.path)}?db={self.database}"
        ((host, port),) = self.nodes
        return f"{'rediss' if self.is_tls else 'redis'}://{login_in(self)}{in_url(host)}:{port}/{self.database}"


def parse(url: str) -> RedisAddress:
    """Read an address.

    :raises ValueError: saying what it must be; it may hold a password, so it is not shown
    """
    scheme, _, rest = url.partition("://")
    is_tls, kind = scheme.startswith("rediss"), scheme.replace("rediss", "redis", 1)
    if not rest or kind not in (*PORTS, SOCKET):
        raise ValueError(f"is not the address of a Redis: write {FORMS}.")
    if kind == SOCKET:
        return of_socket(url)
    login, _, where = rest.rpartition("@")
    if "?" in where:
        raise ValueError("ends with a query: REDIS_TIMEOUT_SECONDS and REDIS_CA_PATH say what it could.")
    hosts, _, path = where.partition("/")
    nodes = tuple(node_of(each, PORTS[kind]) for each in hosts.split(","))
    if kind == SERVER and len(nodes) > 1:
        raise ValueError("names several hosts: write redis+sentinel:// or redis+cluster:// before them.")
    service, _, number = path.rpartition("/") if kind != SENTINEL or "/" in path else (path, "", "")
    if kind == SENTINEL and not service:
        raise ValueError(
            "doesn't say what the sentinels call it: write redis+sentinel://host:port,host:port/service/0."
        )
    if kind == CLUSTER and number.strip("0"):
        raise ValueError("names a database, and a cluster has number 0 alone.")
    return RedisAddress(
        kind,
        nodes,
        service=unquote(service),
        database=number_of(number),
        username=(unquote(login.partition(":")[0]) or None) if login else None,
        password=(unquote(login.partition(":")[2]) or None) if login else None,
        is_tls=is_tls,
    )


def of_socket(url: str) -> RedisAddress:
    """A server on a socket of this machine."""
    path, _, query = url.removeprefix("unix://").partition("?")
    login, _, path = path.rpartition("@")
    words = dict(parse_qsl(query))
    return RedisAddress(
        SOCKET,
        path=unquote(path),
        database=number_of(words.get("db", "0")),
        username=words.get("username") or unquote(login.partition(":")[0]) or None,
        password=words.get("password") or unquote(login.partition(":")[2]) or None,
    )


def node_of(text: str, port: int) -> tuple[str, int]:
    """Host and port of one server.

    :raises ValueError: if it is none
    """
    found = NODE.fullmatch(text)
    if not found or not 0 < int(found["port"] or port) <= MOST_PORT:
        raise ValueError(f"names no host and port where it should: write {FORMS}.")
    return found["host"].strip("[]"), int(found["port"] or port)


def number_of(text: str) -> int:
    """The number of a database; 0 if none is said.

    :raises ValueError: if it is no number
    """
    if text and not re.fullmatch(r"\d{1,5}", text, re.ASCII):
        raise ValueError("doesn't end with the number of a database, such as /0.")
    return int(text or 0)


def tls_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The files of TLS that are set, by redis-py's words."""
    return {word: environ[name] for word, name in TLS_FILES.items() if environ.get(name)}


def tls_options(files: Mapping[str, str]) -> dict[str, Any]:  # Any: redis-py's own
    """What redis-py is told where TLS is asked for: whose certificate it is gets checked, and for which name."""
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **files}


def broker_of(
    address: RedisAddress, files: Mapping[str, str], *, sentinel_password: str = ""
) -> dict[str, Any]:  # Any: Celery's settings
    """Celery's settings of a broker at this address: `url`, `ssl` and `options`.

    :raises ValueError: for a cluster, where no broker can be
    """
    if address.kind == CLUSTER:
        raise ValueError("names a cluster, on which Celery can't run: set BROKER_URL to a Redis or to sentinels.")
    if address.kind == SOCKET:
        login = login_in(address)
        return {
            "url": f"redis+socket://{login}{quote(address.path)}?virtual_host={address.database}",
            "ssl": None,
            "options": {},
        }
    secured = tls_options(files) if address.is_tls else None
    if address.kind == SERVER:
        return {"url": address.plain_url, "ssl": secured, "options": {}}
    nodes = [f"sentinel://{login_in(address)}{in_url(host)}:{port}/{address.database}" for host, port in address.nodes]
    asking = sentinel_options(address, files, password=sentinel_password, timeout=SENTINEL_SECONDS)
    return {
        "url": ";".join(nodes),
        "ssl": secured,
        "options": {"master_name": address.service, "sentinel_kwargs": asking},
    }


def sentinel_options(
    address: RedisAddress, files: Mapping[str, str], *, password: str, timeout: float
) -> dict[str, Any]:  # Any: redis-py's own
    """How the sentinels themselves are asked, in redis-py's words."""
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if password:
        options["password"] = password
    if address.is_tls:
        options |= {"ssl": True, **tls_options(files)}
    return options


def login_in(address: RedisAddress) -> str:
    """Who asks, as an address has it."""
    if address.password is None and address.username is None:
        return ""
    return f"{quote(address.username or '', safe='')}:{quote(address.password or '', safe='')}@"


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
