"""Redis servers on ports of this machine, alone, under sentinels or as a cluster, with TLS or without."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from concert_site.embedded.redis import server
from concert_site.tests.certificates import Certificates

PATIENCE_SECONDS = 20.0
SERVICE = "tickets"
HOST = "127.0.0.1"
MASTERS, SLOTS = 3, 16_384
BUS_ABOVE, LAST_PORT = 10_000, 65_535


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something, for as long as a busy machine may take."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class RedisProcess:
    """One server or sentinel. It keeps nothing on disk, but for what a sentinel writes down."""

    def __init__(
        self,
        folder: Path,
        tls: Certificates | None,
        program: Path | None = None,
        port: int | None = None,
        **settings: object,
    ) -> None:
        self.port, self.tls, self.program = port or free_port(), tls, program or server()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        self.settings = {"bind": HOST, "dir": self.folder, "logfile": self.folder / "log"} | settings
        self.is_sentinel = False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *lines: str) -> None:
        """Start it; it answers when this returns."""
        file = self.folder / "conf"
        if not (self.is_sentinel and file.exists()):
            said = [f"{name.replace('_', '-')} {value}" for name, value in self.settings.items()]
            file.write_text("\n".join([*said, *self._listening(), *lines, ""]))
        words = [str(self.program), str(file), *(["--sentinel"] if self.is_sentinel else [])]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd=self.folder)
        wait_for(self.answers, f"{file} doesn't start")

    def _listening(self) -> list[str]:
        if self.tls is None:
            return [f"port {self.port}"]
        return [
            "port 0",
            f"tls-port {self.port}",
            f"tls-ca-cert-file {self.tls.ca}",
            f"tls-cert-file {self.tls.certificate}",
            f"tls-key-file {self.tls.key}",
            # Theirs as well: whoever comes shows a certificate.
            "tls-auth-clients yes",
            "tls-replication yes",
            "tls-cluster yes",
        ]

    def client(self) -> Redis:
        """A client that looks at this one and no other."""
        tls = self.tls
        files = tls and {"ssl_ca_certs": tls.ca, "ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
        secured = {word: str(path) for word, path in files.items()} if files else {}
        return Redis(HOST, self.port, socket_timeout=2, ssl=bool(files), **secured)

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class Sentinels:
    """A master with replicas, and sentinels who choose another when it is gone."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: Certificates | None = None,
        servers: int = 2,
        sentinels: int = 1,
        down_after_ms: int = 500,
        program: Path | None = None,
    ) -> None:
        self.scheme = "redis" if tls is None else "rediss"
        self.down_after_ms = down_after_ms
        quick: dict[str, object] = {"save": '""', "appendonly": "no", "repl_diskless_sync_delay": 0}
        self.servers = [RedisProcess(folder, tls, program, **quick) for _ in range(servers)]
        self.sentinels = [RedisProcess(folder, tls, program) for _ in range(sentinels)]
        for each in self.sentinels:
            each.is_sentinel = True

    @property
    def url(self) -> str:
        """The address that a site is given."""
        return f"{self.scheme}+sentinel://{','.join(f'{HOST}:{each.port}' for each in self.sentinels)}/{SERVICE}/0"

    def start(self) -> None:
        """Start all; the replicas are in step, and every sentinel knows the others, when this returns."""
        first, *others = self.servers
        first.start()
        for each in others:
            each.start(f"replicaof {HOST} {first.port}")
        quorum = len(self.sentinels) // 2 + 1
        for each in self.sentinels:
            each.start(
                f"sentinel monitor {SERVICE} {HOST} {first.port} {quorum}",
                f"sentinel down-after-milliseconds {SERVICE} {self.down_after_ms}",
                f"sentinel failover-timeout {SERVICE} 3000",
                f"sentinel parallel-syncs {SERVICE} {len(others)}",
            )
        wait_for(lambda: all(in_step(each) for each in others), "the replicas don't come into step")
        wait_for(self.is_whole, "the sentinels don't find each other")

    def is_whole(self) -> bool:
        """Whether every sentinel knows all replicas and all sentinels."""
        for each in self.sentinels:
            with each.client() as client:
                state = client.sentinel_master(SERVICE)
            if (state["num-slaves"], state["num-other-sentinels"]) != (len(self.servers) - 1, len(self.sentinels) - 1):
                return False
        return True

    def master(self, key: str = "") -> RedisProcess:
        """Who is the master, of this key as of all, as the first sentinel that answers has it."""
        for each in self.sentinels:
            with suppress(RedisError), each.client() as client:
                _, port = client.sentinel_get_master_addr_by_name(SERVICE)
                return next(server for server in self.servers if server.port == int(port))
        raise AssertionError("no sentinel answers")

    def bring_back(self, gone: RedisProcess) -> None:
        """Start a former master again, empty, as a replica of its successor."""
        gone.start(f"replicaof {HOST} {self.master().port}")

    def stop(self) -> None:
        for each in (*self.sentinels, *self.servers):
            each.kill()


def in_step(replica: RedisProcess) -> bool:
    with replica.client() as client:
        return client.info("replication").get("master_link_status") == "up"


@contextmanager
def sentinels_of_our_own(folder: Path, **options: object) -> Iterator[Sentinels]:
    """Run them for the duration of a block."""
    found = Sentinels(folder, **options)  # type: ignore[arg-type]  # as they are declared there
    try:
        found.start()
        yield found
    finally:
        found.stop()


class Cluster:
    """Three masters that share the keys, each with as many replicas, one of which follows it when it is gone."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: Certificates | None = None,
        replicas: int = 0,
        down_after_ms: int = 500,
        program: Path | None = None,
    ) -> None:
        self.scheme = "redis" if tls is None else "rediss"
        settings: dict[str, object] = {"save": '""', "appendonly": "no", "repl_diskless_sync_delay": 0}
        settings |= {"cluster_enabled": "yes", "cluster_node_timeout": down_after_ms}
        count = MASTERS * (1 + replicas)
        self.nodes = [RedisProcess(folder, tls, program, port_with_bus(), **settings) for _ in range(count)]
        self.masters, self.replicas = self.nodes[:MASTERS], self.nodes[MASTERS:]

    @property
    def url(self) -> str:
        """The address that a site is given."""
        return f"{self.scheme}+cluster://{','.join(f'{HOST}:{each.port}' for each in self.nodes)}"

    def start(self) -> None:
        """Start all, and share out the keys; the replicas are in step when this returns."""
        share = SLOTS // MASTERS + 1
        for nth, each in enumerate(self.nodes):
            each.start()
            with each.client() as client:
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", nth + 1)
                if each in self.masters:
                    client.execute_command("CLUSTER ADDSLOTS", *range(nth * share, min(SLOTS, (nth + 1) * share)))
                client.execute_command("CLUSTER MEET", HOST, self.nodes[0].port)
        wait_for(lambda: all(map(self.is_ok, self.nodes)), "the cluster doesn't come about")
        for nth, each in enumerate(self.replicas):
            with self.masters[nth % MASTERS].client() as client:
                followed = client.execute_command("CLUSTER MYID").decode()
            with each.client() as client:
                client.execute_command("CLUSTER REPLICATE", followed)
        wait_for(lambda: all(map(in_step, self.replicas)), "the replicas don't come into step")

    def is_ok(self, node: RedisProcess) -> bool:
        with node.client() as client:
            info = client.execute_command("CLUSTER INFO")
        text = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
        return text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == len(self.nodes)

    def master(self, key: str) -> RedisProcess:
        """Who has a key, as the first node that answers has it."""
        for each in self.nodes:
            with suppress(RedisError), each.client() as client:
                slot = client.execute_command("CLUSTER KEYSLOT", key)
                shares = client.execute_command("CLUSTER SLOTS")
                port = next(primary[1] for first, last, primary, *_ in shares if first <= slot <= last)
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError("no node answers")

    def bring_back(self, gone: RedisProcess) -> None:
        """Start a former master again, empty; it finds out whose replica it has become."""
        gone.start()

    def stop(self) -> None:
        for each in self.nodes:
            each.kill()


def port_with_bus() -> int:
    """A free port with another one 10,000 above it, where nodes of a cluster talk to each other."""
    while True:
        port = free_port()
        if port + BUS_ABOVE <= LAST_PORT:
            with suppress(OSError), socket.socket() as probe:
                probe.bind((HOST, port + BUS_ABOVE))
                return port


def program_named(name: str | None) -> Path | None:
    """The program of this path or name; the wheel's for none."""
    if name is None:
        return None
    found = next((Path(each) / name for each in os.get_exec_path() if (Path(each) / name).exists()), Path(name))
    assert found.exists(), f"{name} is not installed"
    # Not resolved: Debian's is a link, and goes by the name that it is called by.
    return found.absolute()
