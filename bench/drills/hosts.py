"""Hosts for a drill: network namespaces with cables that can be pulled, or all of them this machine's loopback.

Namespaces need root. The drill begins anew in one of its own, from which no way leads out of this machine: what it
builds in there ends with it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack import ROOT

# Who asks from outside, what has data, what has counters: a host has a cable into each that it needs.
NETWORKS = ("front", "data", "cache")
WITHIN = "FRONTROW_DRILL_WITHIN"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Host:
    """One machine: its address in each network, and the words before a command that run it there."""

    name: str
    addresses: Mapping[str, str]
    before: tuple[str, ...] = ()

    @property
    def front(self) -> str:
        return self.addresses["front"]

    @property
    def data(self) -> str:
        return self.addresses["data"]

    @property
    def cache(self) -> str:
        return self.addresses["cache"]


class Loopback:
    """All hosts are this one; nothing can be pulled out."""

    def host(self, name: str) -> Host:
        return Host(name, dict.fromkeys(NETWORKS, LOOPBACK))


@dataclass
class Namespaces:
    """Each host a network namespace, each network a bridge, each cable a pair of interfaces."""

    names: list[str] = field(default_factory=list)

    def host(self, name: str) -> Host:
        """Make one, with a cable into each network."""
        self.names.append(name)
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        addresses = {}
        for nth, network in enumerate(NETWORKS, 1):
            addresses[network] = f"10.77.{nth}.{10 + len(self.names)}"
            cable = f"{name}-{network}"
            ip("link", "add", cable, "type", "veth", "peer", "name", network, "netns", name)
            ip("link", "set", cable, "master", network, "up")
            ip("-n", name, "address", "add", f"{addresses[network]}/24", "dev", network)
            ip("-n", name, "link", "set", network, "up")
        return Host(name, addresses, ("nsenter", f"--net=/run/netns/{name}", "--"))

    def pull(self, host: Host, network: str) -> None:
        """Take a host off a network, as a cable that was pulled at the switch: nobody is told."""
        ip("link", "set", f"{host.name}-{network}", "nomaster")

    def plug(self, host: Host, network: str) -> None:
        """Put it back."""
        ip("link", "set", f"{host.name}-{network}", "master", network)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """The networks, with this process in all of them; they end with the namespace that `begin_within` made."""
    assert os.environ.get(WITHIN), "begin_within comes first"
    ip("link", "set", "lo", "up")
    for nth, network in enumerate(NETWORKS, 1):
        ip("link", "add", network, "type", "bridge")
        ip("address", "add", f"10.77.{nth}.1/24", "dev", network)
        ip("link", "set", network, "up")
    yield Namespaces()


def begin_within() -> None:
    """Run this program anew in a network namespace of its own, and end with its exit code.

    :raises SystemExit: without root, too
    """
    if os.environ.get(WITHIN):
        return
    if os.geteuid():
        raise SystemExit("Network namespaces are root's to make. Without --namespaces all hosts are this one.")
    alone = 'mkdir -p /run/netns && mount -t tmpfs none /run/netns && exec "$@"'
    words = ["unshare", "--net", "--mount", "--", "sh", "-c", alone, "sh", sys.executable, *sys.argv]
    done = subprocess.Popen(words, env=os.environ | {WITHIN: "1"})
    signal.signal(signal.SIGTERM, lambda *_: done.terminate())
    raise SystemExit(done.wait())


class Program:
    """A program on a host, with an environment of its own, in a process group of its own."""

    def __init__(self, host: Host, argv: list[str], environment: Mapping[str, str], root: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            [*host.before, *argv],
            cwd=root,
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it, and whatever it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
