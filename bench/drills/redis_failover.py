#!/usr/bin/env python
"""Kill the master of Redis twice while fans stand in line and buy, and look every acknowledged answer up afterwards.

    .venv/bin/python bench/drills/redis_failover.py [--cluster] [--server redis-server] [--tls] [--within 15]

A throw-away site asks three sentinels, over one master and two replicas, or with `--cluster` a cluster of three masters
and three replicas, beside a server of its own for Celery. They are the wheel's Valkey, or the program that `--server`
names (`--tls` needs one that speaks TLS, such as Debian's redis-server; then all of them show certificates to each
other, and so does the site). Two sales open with fans in their lobbies. Six seconds later the master is killed
with SIGKILL, in a cluster the one of a line that is watched; it comes back as a replica, and then its successor is
killed. Each time a number that can be had again says how long joins were refused. Ends with 1 if a place, a payment or
an invariant is lost, or if the line stood still for longer than `--within` seconds.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stack
import torture
from stack import Fan, Show
from torture_proofs import Proof, proofs

from concert_site.tests.certificates import Certificates, make_certificates
from concert_site.tests.redis_servers import (
    HOST,
    Cluster,
    RedisProcess,
    Sentinels,
    program_named,
    sentinels_of_our_own,
)

FIRST_KILL, BACK, SECOND_KILL = 6, 14, 18
DOWN_AFTER_MS = 2000
PROBE_SECONDS = 0.1
# A refusal so long after a kill comes of the next one.
SETTLED = 10


class Prober(threading.Thread):
    """Fans who come one after the other, each for a place of their own: when was none to be had?"""

    def __init__(self, site: torture.Site, show: Show, fans: list[Fan]) -> None:
        super().__init__(daemon=True)
        self.site, self.show, self.fans = site, show, fans
        self.is_over = threading.Event()
        # When each was asked, in seconds of this machine's clock, and the status.
        self.seen: list[tuple[float, int]] = []

    def run(self) -> None:
        for fan in self.fans:
            if self.is_over.wait(PROBE_SECONDS):
                return
            status = 0
            while status != 201 and not self.is_over.is_set():
                asked_at = time.monotonic()
                status, _ = self.site.ask("POST", f"schedules/{self.show.schedule}/queue-tokens/", None, fan.bearer)
                self.seen.append((asked_at, status))
                time.sleep(0 if status == 201 else PROBE_SECONDS)

    def refused_after(self, moment: float) -> float:
        """For how many seconds after a moment no place was to be had; 0 if one always was."""
        first = next((at for at, status in self.seen if status != 201 and moment - 1 <= at < moment + SETTLED), None)
        if first is None:
            return 0.0
        back = next((at for at, status in self.seen if at > first and status == 201), time.monotonic())
        return back - moment


class Killer(torture.FaultInjector):
    """Takes masters away: those of the key under which a schedule's numbers are counted."""

    def __init__(self, site: torture.Site, opening: float, servers: Sentinels | Cluster, schedule: int) -> None:
        super().__init__(site, opening)
        self.servers, self.key = servers, f"queue:{schedule}:counter"
        self.killed: list[tuple[float, RedisProcess]] = []

    def plan(self) -> list[tuple[float, Callable[[], None]]]:
        return [(FIRST_KILL, self.kill_master), (BACK, self.bring_back), (SECOND_KILL, self.kill_master)]

    def kill_master(self) -> None:
        """The master of Redis killed."""
        master = self.servers.master(self.key)
        self.killed.append((time.monotonic(), master))
        master.kill()

    def bring_back(self) -> None:
        """It comes back, empty, and follows its successor."""
        self.servers.bring_back(self.killed[0][1])


def run_under_faults(site: torture.Site, servers: Sentinels | Cluster, options: argparse.Namespace) -> bool:
    """All of it; whether nothing was lost and the line went on in time."""
    fans = site.make_fans(options.lobby + options.later + options.probes, balance=10_000)
    fans, probing = fans[: options.lobby + options.later], fans[options.lobby + options.later :]
    left = torture.OPENS_IN_SECONDS
    first = site.make_show(seats=len(fans) + 100, price=1000, max_active=options.cap, opens_in=left)
    opening = time.monotonic() + left
    second = site.make_show(seats=len(fans) + 100, price=1000, max_active=options.cap, opens_in=left)
    probed = site.make_show(seats=10, price=1000, max_active=1, opens_in=0)
    shows = [first, second]
    watcher, prober = torture.Watcher(site, shows), Prober(site, probed, probing)
    killer = Killer(site, opening, servers, probed.schedule)
    watcher.start()
    prober.start()
    diary = torture.run_under_faults(killer, shows, fans, opening, options)
    prober.is_over.set()
    watcher.is_over.set()
    watcher.join()
    torture.print_answers(diary)
    standing = [prober.refused_after(at) for at, _ in killer.killed]
    rows = [[f"{nth}. master killed", f"{seconds:.1f} s"] for nth, seconds in enumerate(standing, 1)]
    print(stack.table(["what was done", "no new place for"], rows), "\n")
    late = [f"{seconds:.1f} s" for seconds in standing if seconds > options.within]
    claims = [
        *proofs(site, shows, diary, watcher.inside, options.cap),
        Proof("everybody's turn came", "", ["a fan is left: allow more --seconds"] * diary.unfinished),
        Proof(f"places are to be had again within {options.within} s", str([f"{each:.1f}" for each in standing]), late),
        Proof("each kill was felt, so the drill did something", str(standing), [] if all(standing) else ["one wasn't"]),
        places_proof(site, probed, prober),
        torture.audit(site),
    ]
    return torture.judge(claims)


def places_proof(site: torture.Site, show: Show, prober: Prober) -> Proof:
    """Whoever was told of a place in the probed line has one, under a number of their own."""
    told = sum(1 for _, status in prober.seen if status == 201)
    with site.connect() as connection:
        row = connection.execute(
            "select count(*), count(distinct number) from waiting_token where concert_schedule_id = %s", [show.schedule]
        ).fetchone()
    assert row is not None
    return Proof(
        "each place that was answered is there, once", f"{told} answers", [] if row == (told, told) else [str(row)]
    )


@contextmanager
def serving(folder: Path, options: argparse.Namespace) -> Iterator[tuple[Sentinels | Cluster, Mapping[str, str]]]:
    """The servers, and what a site is told of them."""
    tls = make_certificates(folder, HOST) if options.tls else None
    program = program_named(options.server)
    if not options.cluster:
        servers = sentinels_of_our_own(
            folder, tls=tls, servers=3, sentinels=3, down_after_ms=DOWN_AFTER_MS, program=program
        )
        with servers as found:
            yield found, {"REDIS_URL": found.url, **files_of(tls)}
        return
    cluster = Cluster(folder, tls=tls, replicas=1, down_after_ms=DOWN_AFTER_MS, program=program)
    broker = RedisProcess(folder, tls, program)
    try:
        cluster.start()
        broker.start()
        broker_url = f"{cluster.scheme}://{HOST}:{broker.port}/0"
        yield cluster, {"REDIS_URL": cluster.url, "BROKER_URL": broker_url, **files_of(tls)}
    finally:
        cluster.stop()
        broker.kill()


def files_of(tls: Certificates | None) -> dict[str, str]:
    """The settings that name certificates."""
    if tls is None:
        return {}
    paths = {"REDIS_CA_PATH": tls.ca, "REDIS_CERTIFICATE_PATH": tls.certificate, "REDIS_KEY_PATH": tls.key}
    return {name: str(path) for name, path in paths.items()}


def said_of(server: RedisProcess) -> str:
    """Which program it is."""
    with server.client() as client:
        info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the master of Redis while fans stand in line.")
    parser.add_argument("--cluster", action="store_true", help="a cluster with replicas in place of sentinels")
    parser.add_argument("--server", help="a redis-server or valkey-server; the wheel's without it")
    parser.add_argument("--tls", action="store_true", help="all of it over TLS, by an authority of its own")
    parser.add_argument("--within", type=float, default=15, help="seconds that the line may stand still (15)")
    parser.add_argument("--lobby", type=int, default=100, help="fans in each lobby")
    parser.add_argument("--later", type=int, default=60, help="fans who come at the opening or after it")
    parser.add_argument("--probes", type=int, default=600, help="fans who come one after the other")
    parser.add_argument("--cap", type=int, default=20, help="fans inside at once")
    parser.add_argument("--processes", type=int, default=3, help="of fans")
    parser.add_argument("--seconds", type=int, default=60, help="from the last blow, after which fans give up")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontrow-redis-") as name, serving(Path(name), options) as (servers, told):
        first = servers.nodes[0] if isinstance(servers, Cluster) else servers.servers[0]
        kind = "a cluster of three masters and three replicas" if options.cluster else "three sentinels"
        print(f"{said_of(first)}, {kind}, down after {DOWN_AFTER_MS / 1000:.0f} s, {servers.url}\n", flush=True)
        with torture.running(TOKEN_ENTRY_SECONDS="10", **told) as site:
            ok = run_under_faults(site, servers, options)
    print(json.dumps({"ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
