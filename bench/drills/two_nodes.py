#!/usr/bin/env python
"""Two web nodes of two releases behind nginx with the micro-cache, the workers apart; nodes are cut off and killed.

    .venv/bin/python bench/drills/two_nodes.py [--namespaces] [--pollers 2000] [--every 4] [--seconds 10]

PostgreSQL, Redis, nginx (the system's, with `deploy/nginx/micro_cache_*.conf`), two web nodes and the workers are
hosts; the second node is another release with other static names. As root, `--namespaces` makes each host a network
namespace with addresses of its own; then node 1 loses PostgreSQL, Redis, and the balancer, one after the other, by a
cable that is pulled, and gets it back. Without it all are this host, and nothing is pulled. Last, node 2 gets SIGKILL.
First sessions, forms, idempotency keys, limits and static names are tried across the nodes; then fans with cookies look
at a line, others join it, hold and pay, all through nginx, for `--seconds` before the faults and in each of them.
Ends with 1 unless 99 % of the polls never reached a node, none failed, a node that has its cable back serves, and each
place, hold and payment that was answered stands in the tables.
"""

import argparse
import asyncio
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import hosts
import servers
import stack
import torture
from clients import Client
from hosts import Host, Loopback, Namespaces, Program
from pollers import Polls, poll_all
from stack import ROOT, Stack
from torture_proofs import Proof
from two_nodes_fans import Buyers, across

from concert_site.embedded import postgres, redis, web

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format nodes '$request_method $uri $status $upstream_addr $upstream_cache_status';
    upstream frontrow {{
        server {first} max_fails=1 fail_timeout=1s;
        server {second} max_fails=1 fail_timeout=1s;
        keepalive 64;
        keepalive_timeout 20s;
    }}
    {outside}
    server {{
        listen {listen} backlog=4096;
        access_log {folder}/access.log nodes buffer=64k flush=1s;
        keepalive_requests 100000;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 2s;
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 2;
        {inside}
        location / {{ proxy_pass http://frontrow; }}
    }}
}}
"""
SOLD = "select id, user_id, status from reservation where concert_schedule_id = %s"
PLACES = "select token::text, user_id from waiting_token where concert_schedule_id = %s"
# A node that has its cable back must serve within this.
HEALED_SECONDS = 20.0
KILLED = "node 2 killed with SIGKILL"


@dataclass
class Machines:
    """What runs where."""

    lab: Loopback | Namespaces
    folder: Path
    balancer: Host
    nodes: list[Host]
    workers: Host
    ports: list[int] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [(host.front, port) for host, port in zip(self.nodes, self.ports, strict=True)]

    def is_ready(self, nth: int) -> bool:
        """Whether a node serves, with nothing missing."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            status, said, _ = Client(self.addresses[nth], patience=3).ask("GET", "/readyz")
            return status == http.client.OK and json.loads(said)["redis"] == "ok"
        return False


@contextmanager
def services(lab: Loopback | Namespaces, folder: Path) -> Iterator[Mapping[str, str]]:
    """PostgreSQL and Redis on hosts of their own; their addresses, as settings."""
    database, counters = lab.host("database"), lab.host("redis")
    settings = {name: value for name, value in postgres.THROWAWAY_SETTINGS.items() if name != "max_connections"}
    cluster = servers.Cluster(
        folder / "postgres", postgres.bin_dir(), settings=settings, host=database.data, before=database.before
    )
    port = stack.free_port()
    words = ["--bind", counters.cache, "--port", str(port), "--save", "", "--protected-mode", "no"]
    kept = Program(counters, [str(redis.server()), *words, "--dir", str(folder)], os.environ)
    try:
        cluster.initialize()
        yield {"DATABASE_URL": cluster.url, "REDIS_URL": f"redis://{counters.cache}:{port}/0"}
    finally:
        kept.end()
        cluster.stop()


@contextmanager
def nginx(machines: Machines) -> Iterator[tuple[str, int]]:
    """nginx with the files of deploy/, over two nodes; where it listens."""
    folder, port = machines.folder, stack.free_port()
    texts = [(ROOT / "deploy" / "nginx" / f"micro_cache_{part}.conf").read_text() for part in ("http", "server")]
    outside = texts[0].replace("/var/cache/nginx", str(folder))
    first, second = (f"{host}:{port}" for host, port in machines.addresses)
    listen = f"{machines.balancer.front}:{port}"
    configuration = folder / "nginx.conf"
    configuration.write_text(
        NGINX.format(folder=folder, first=first, second=second, listen=listen, outside=outside, inside=texts[1])
    )
    words = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(configuration)]
    program = Program(machines.balancer, words, os.environ)
    found = (machines.balancer.front, port)
    try:
        stack.wait_for(lambda: answers(found), "nginx answers")
        yield found
    finally:
        program.end()


def answers(host: tuple[str, int]) -> bool:
    try:
        return Client(host).ask("GET", "/healthz")[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def other_release(folder: Path) -> Path:
    """A copy of the site whose style sheet is another."""
    copy = folder / "release"
    leave = shutil.ignore_patterns(
        ".venv", ".git", "node_modules", ".data*", ".mypy_cache", "__pycache__", "bench", "docs"
    )
    shutil.copytree(ROOT, copy, ignore=leave, symlinks=True)
    sheet = copy / "static" / "css" / "frontrow.css"
    sheet.write_text(sheet.read_text() + "\n/* The next release. */\n")
    return copy


@contextmanager
def machines(lab: Loopback | Namespaces, folder: Path) -> Iterator[Machines]:
    """Two web nodes, and ticks, worker and beat beside them."""
    common = dict(os.environ) | {"BEHIND_PROXY": "on", "THROTTLE": "on", "LOG_LEVEL": "ERROR"}
    found = Machines(lab, folder, *(lab.host("balancer"), [lab.host("node1"), lab.host("node2")], lab.host("workers")))
    others: list[Program] = []
    try:
        for host, root in zip(found.nodes, [ROOT, other_release(folder)], strict=True):
            own = common | {"STATIC_ROOT": str(folder / f"static-{host.name}")}
            collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
            subprocess.run(collect, cwd=root, env=own, check=True)
            found.ports.append(stack.free_port())
            address = web.Address(host.front, found.ports[-1])
            found.programs.append(Program(host, list(web.web_program(address, 1).argv), own, root))
        apart = (web.ticks_program(), web.worker_program(), web.beat_program())
        others.extend(Program(found.workers, list(each.argv), common) for each in apart)
        for nth, host in enumerate(found.nodes):
            stack.wait_for(partial(found.is_ready, nth), f"{host.name} serves")
        yield found
    finally:
        for program in [*found.programs, *others]:
            program.end()


def faults(lab: Loopback | Namespaces) -> Iterator[tuple[str, str]]:
    """What is done to the nodes, one after the other, and of which network node 1 then is taken off."""
    yield "both nodes", ""
    if isinstance(lab, Namespaces):
        yield "node 1 has lost PostgreSQL", "data"
        yield "node 1 has lost Redis", "cache"
        yield "node 1 has lost the balancer", "front"
    yield KILLED, ""


def load(balancer: tuple[str, int], site: Stack, found: Machines, options: argparse.Namespace) -> Iterator[Proof]:
    """Fans look, join and buy, while nodes are cut off and killed."""
    audience = site.make_audience(options.buyers)
    line = site.make_show(seats=50, max_active=1, opens_in=0).schedule
    path = f"/api/v1/schedules/{line}/queue/"
    buyers = Buyers(balancer, audience, line, options.pause)
    buyers.start()
    rows: list[list[object]] = []
    total, healed = Polls(), list[str]()
    for name, network in faults(found.lab):
        seen, met = count_polls(found.folder, path), buyers.refusals()
        if isinstance(found.lab, Namespaces) and network:
            found.lab.pull(found.nodes[0], network)
        if name == KILLED:
            found.programs[1].end(signal.SIGKILL)
        polls = asyncio.run(
            poll_all([balancer], path, count=options.pollers, every=options.every, seconds=options.seconds)
        )
        back = heal(found, network, healed) if network else ""
        time.sleep(1.5)  # nginx writes its log once a second
        reached, asked = share_of(count_polls(found.folder, path) - seen)
        quick = f"{polls.percentile(0.5):.0f} / {polls.percentile(0.99):.0f}"
        refused = dict(buyers.refusals() - met) or "none"
        rows.append([name, asked, reached, quick, dict(polls.statuses), refused, back])
        total.statuses += polls.statuses
        total.latencies += polls.latencies
    buyers.is_over.set()
    buyers.join(60)
    heads = ["with", "polls", "reached a node", "p50 / p99, ms", "answers", "others' refusals", "serves again after"]
    print(stack.table(heads, rows), "\n")
    print(f"Others: {dict(buyers.statuses)}, the slowest answer after {buyers.slowest:.1f} s\n")
    yield from proofs(site, total, buyers, rows)
    yield Proof("a node that has its cable back serves", "", healed)


def heal(found: Machines, network: str, healed: list[str]) -> str:
    """Give node 1 its cable back; after how long it serves again."""
    if isinstance(found.lab, Namespaces):
        found.lab.plug(found.nodes[0], network)
    began = time.monotonic()
    while not found.is_ready(0):
        if time.monotonic() - began > HEALED_SECONDS:
            healed.append(f"{network}: not after {HEALED_SECONDS:.0f} s")
            return "never"
        time.sleep(0.1)
    return f"{time.monotonic() - began:.1f} s"


def share_of(seen: Counter[str]) -> tuple[int, int]:
    """Of the polls in nginx's log, by what its cache did: how many reached a node, and how many there were."""
    return sum(count for state, count in seen.items() if state not in ("HIT", "UPDATING", "STALE")), sum(seen.values())


def proofs(site: Stack, polls: Polls, buyers: Buyers, rows: list[list[object]]) -> Iterator[Proof]:
    """What must hold after all of it."""
    asked, reached = (sum(int(str(row[nth])) for row in rows) for nth in (1, 2))
    share = 100 * reached / max(1, asked)
    yield Proof("99 % of the polls never reach a node", f"{share:.2f} % do", [] if share < 1 else [f"{share:.2f} %"])
    bad = {status: count for status, count in polls.statuses.items() if status != "200"}
    yield Proof("every poll is answered", f"{sum(polls.statuses.values())} polls", [str(bad)] if bad else [])
    with site.connect() as connection:
        rows_sold = connection.execute(SOLD, [buyers.audience.show.schedule]).fetchall()
        places = dict(connection.execute(PLACES, [buyers.line]).fetchall())
    sold = {reservation: (fan, status) for reservation, fan, status in rows_sold}
    lost = [f"{token} of {fan}" for token, fan in buyers.places.items() if places.get(token) != fan]
    yield Proof("who was answered a place has it", f"{len(buyers.places)} places", lost)
    lost = [f"{each} of {fan}" for each, fan in buyers.held.items() if sold.get(each, (0, ""))[0] != fan]
    yield Proof("who was answered a hold has it", f"{len(buyers.held)} holds", lost)
    lost = [f"{each} of {fan}" for each, fan in buyers.paid.items() if sold.get(each) != (fan, "RESERVED")]
    yield Proof("who was answered as paid has a seat", f"{len(buyers.paid)} paid", lost)
    short = {"places": len(buyers.places), "paid": len(buyers.paid)}
    unserved = [f"{name}: {count} of {buyers.served}" for name, count in short.items() if count < buyers.served]
    yield Proof("everybody who came was served", f"{buyers.served} fans", unserved)


def count_polls(folder: Path, path: str) -> Counter[str]:
    """The polls in nginx's log, by what its cache did."""
    log = folder / "access.log"
    lines = (line.split() for line in log.read_text().splitlines()) if log.exists() else iter(())
    return Counter(words[-1] for words in lines if words[1] == path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Two web nodes behind nginx with a micro-cache.")
    parser.add_argument("--namespaces", action="store_true", help="a network namespace for each host (root alone)")
    parser.add_argument("--pollers", type=int, default=2000, help="fans who look at a line (2000)")
    parser.add_argument("--every", type=float, default=4, help="seconds between two looks of a fan (4)")
    parser.add_argument("--seconds", type=float, default=10, help="how long they look, with each fault (10)")
    parser.add_argument("--buyers", type=int, default=400, help="fans who may join and buy meanwhile (400)")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between one buyer and the next (0.2)")
    options = parser.parse_args()
    if options.namespaces:
        hosts.begin_within()
    web.open_files()
    lab = hosts.namespaces() if options.namespaces else nullcontext(Loopback())
    with lab as found, servers.folder_for_servers() as folder:
        folder.chmod(0o755)
        with services(found, folder) as told, stack.throwaway(Stack, **told) as site:
            return 0 if torture.judge(drill(found, folder, site, options)) else 1


def drill(lab: Loopback | Namespaces, folder: Path, site: Stack, options: argparse.Namespace) -> list[Proof]:
    """All of it."""
    with stack.domain_ready(site):
        site.manage("migrate", "-v0")
        with machines(lab, folder) as found, nginx(found) as balancer:
            seen = list(across(found.addresses, site))
            seen += load(balancer, site, found, options)
        return [*seen, Proof("the audit finds nothing", "", [] if site.passes_audit() else ["see `manage.py audit`"])]


if __name__ == "__main__":
    sys.exit(main())
