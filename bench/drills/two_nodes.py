#!/usr/bin/env python
"""Two web nodes of two releases behind nginx with the micro-cache, the workers apart; one node is killed under load.

    .venv/bin/python bench/drills/two_nodes.py [--pollers 2000] [--every 4] [--seconds 24] [--buyers 120]

PostgreSQL and Redis, two web nodes, ticks, worker and beat are processes of their own, as on six machines; the second
node is another release with other static names. nginx is the system's, with `deploy/nginx/micro_cache_*.conf`. First
sessions, forms, idempotency keys, limits and static names are tried across the nodes; then fans look at a line and buy
through nginx, and half-way one node gets SIGKILL. Ends with 1 unless 99 % of the polls never reached a node, no answer
failed that a fan would notice, and every payment that was answered stands in the tables.
"""

import argparse
import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import stack  # noqa: E402  found through the line above
from pollers import Polls, poll_all  # noqa: E402  as above
from stack import ROOT, Audience, Stack  # noqa: E402  as above
from torture_proofs import Proof  # noqa: E402  as above

from concert_site.embedded import web  # noqa: E402  as above

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
        server 127.0.0.1:{first} max_fails=1 fail_timeout=1s;
        server 127.0.0.1:{second} max_fails=1 fail_timeout=1s;
        keepalive 64;
        keepalive_timeout 20s;
    }}
    {outside}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
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
PAID = "select user_id from reservation where status = 'RESERVED' and concert_schedule_id = %s"
CHARGES_A_MINUTE = 30


class Program:
    """One of the machines: a program with an environment of its own, in a process group of its own."""

    def __init__(self, argv: list[str], environment: dict[str, str], root: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            argv,
            cwd=root,
            env=environment,
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


class Client:
    """A browser or an app: cookies, and answers read to their end."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, dict[str, str]()

    def ask(
        self, method: str, path: str, body: str = "", port: int | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Status, body and headers of an answer; `some_header` becomes some-header."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=15)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body.encode() or None, sent)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        read = answer.read()
        connection.close()
        return answer.status, read, answer.headers


@contextmanager
def nginx(folder: Path, nodes: tuple[int, int]) -> Iterator[int]:
    """nginx with the files of deploy/, over two nodes; its port."""
    port = stack.free_port()
    texts = [(ROOT / "deploy" / "nginx" / f"micro_cache_{part}.conf").read_text() for part in ("http", "server")]
    outside = texts[0].replace("/var/cache/nginx", str(folder))
    configuration = folder / "nginx.conf"
    configuration.write_text(
        NGINX.format(folder=folder, first=nodes[0], second=nodes[1], port=port, outside=outside, inside=texts[1])
    )
    program = Program([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(configuration)], dict(os.environ))
    try:
        stack.wait_for_port(port)
        yield port
    finally:
        program.end()


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
def machines(folder: Path, site: Stack) -> Iterator[list[tuple[int, Program]]]:
    """Two web nodes (their ports and programs), and ticks, worker and beat beside them."""
    common = dict(os.environ) | {"BEHIND_PROXY": "on", "THROTTLE": "on", "LOG_LEVEL": "ERROR"}
    roots = [ROOT, other_release(folder)]
    nodes: list[tuple[int, Program]] = []
    others: list[Program] = []
    try:
        for nth, root in enumerate(roots):
            own = common | {"STATIC_ROOT": str(folder / f"static-{nth}")}
            collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
            subprocess.run(collect, cwd=root, env=own, check=True)
            port = stack.free_port()
            nodes.append((port, Program(list(web.web_program(web.Address("127.0.0.1", port), 1).argv), own, root)))
        apart = (web.ticks_program(), web.worker_program(), web.beat_program())
        others.extend(Program(list(each.argv), common) for each in apart)
        for port, _ in nodes:
            deadline = time.monotonic() + stack.PATIENCE_SECONDS
            while not web.is_ready(web.Address("127.0.0.1", port)):
                if time.monotonic() > deadline:
                    raise SystemExit(f"The node on port {port} does not start.")
                time.sleep(0.1)
        yield nodes
    finally:
        for program in [*(each for _, each in nodes), *others]:
            program.end()


def across(ports: list[int], site: Stack) -> Iterator[Proof]:
    """What must hold whichever node is asked."""
    first, second = ports
    browser = Client(first)
    fan = site.manage("make_fans", "1", "--balance=0")[0]
    _, page, _ = browser.ask("GET", "/accounts/login/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)
    form = urlencode(
        {"csrfmiddlewaretoken": token[1].decode() if token else "", "login": fan["email"], "password": fan["password"]}
    )
    status, _, _ = browser.ask(
        "POST", "/accounts/login/", form, second, Content_Type="application/x-www-form-urlencoded"
    )
    yield Proof("a form of one node is taken by the other", f"login {status}", [] if status == 302 else [str(status)])
    seen = [browser.ask("GET", "/wallet/", port=port)[0] for port in ports]
    yield Proof("who is logged in is so on both", str(seen), [] if seen == [200, 200] else [str(seen)])

    bearer = f"Bearer {fan['access_token']}"
    app = Client(first)
    charge = json.dumps({"amount": 1000})
    words: dict[str, Any] = {"Authorization": bearer, "Content_Type": "application/json", "Idempotency_Key": "drill"}
    twice = [app.ask("POST", "/api/v1/wallet/charges/", charge, port, **words)[0] for port in ports]
    wallet = json.loads(app.ask("GET", "/api/v1/wallet/", Authorization=bearer)[1])
    is_once = twice == [201, 200] and wallet["amount"] == 1000
    yield Proof(
        "a key that was used on one is known to the other", f"{twice}, {wallet['amount']}", [] if is_once else ["no"]
    )
    statuses: Counter[int] = Counter()
    for nth in range(CHARGES_A_MINUTE):
        more = words | {"Idempotency_Key": f"more-{nth}"}
        statuses[app.ask("POST", "/api/v1/wallet/charges/", charge, ports[nth % 2], **more)[0]] += 1
    # A minute may end in the middle, and begins anew then.
    yield Proof(
        "limits count what both were asked", str(dict(statuses)), [] if statuses[429] else ["nobody was refused"]
    )
    yield from static_names(ports)


def static_names(ports: list[int]) -> Iterator[Proof]:
    """Pages of either release find their files at either node."""
    client = Client(ports[0])
    names = []
    for port in ports:
        _, page, _ = client.ask("GET", "/", port=port)
        found = re.search(rb'href="(/static/css/frontrow[^"]*\.css)"', page)
        names.append(found[1].decode() if found else "")
    kept = {
        (nth, port_nth): client.ask("GET", name, port=port)[2].get("Cache-Control", "")
        for nth, name in enumerate(names)
        for port_nth, port in enumerate(ports)
    }
    is_kept = all(("immutable" in said) == (nth == at) and said for (nth, at), said in kept.items())
    yield Proof("the releases name their files differently", " ".join(names), [] if len(set(names)) == 2 else names)
    yield Proof("each answers the other's names, for a minute", str(kept[0, 1]), [] if is_kept else [str(kept)])


class Buyers(threading.Thread):
    """Fans inside who hold a seat and pay, one after the other, with keys that make asking again harmless."""

    def __init__(self, port: int, audience: Audience, seconds: float) -> None:
        super().__init__(daemon=True)
        self.port, self.audience, self.pause = port, audience, seconds / len(audience.fans)
        self.paid: set[int] = set()
        self.statuses: Counter[str] = Counter()

    def run(self) -> None:
        for fan, seat in self.audience.seated():
            began = time.monotonic()
            held = self.ask(
                "hold", "reservations", fan.id, fan.bearer, {"schedule": self.audience.show.schedule, "seats": [seat]}
            )
            if held:
                paid = self.ask(
                    "pay", "payments", fan.id, fan.bearer, {"reservations": [held["reservations"][0]["id"]]}
                )
                if paid:
                    self.paid.add(fan.id)
            time.sleep(max(0.0, began + self.pause - time.monotonic()))

    def ask(self, step: str, what: str, fan: int, bearer: dict[str, str], body: object) -> Any:  # Any: JSON
        """What is answered at last; a fan whose request was cut off asks again."""
        token = self.audience.tokens[fan]
        words = {"Content_Type": "application/json", "Idempotency_Key": f"{step}-{fan}", "X_Queue_Token": token}
        for _ in range(20):
            try:
                status, answer, _ = Client(self.port).ask(
                    "POST", f"/api/v1/{what}/", json.dumps(body), None, **words, **bearer
                )
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, repr(error).encode()
            self.statuses[f"{step} {status}"] += 1
            if status in (200, 201):
                return json.loads(answer)
            time.sleep(0.3)
        return None


def load(port: int, site: Stack, node: Program, options: argparse.Namespace, folder: Path) -> Iterator[Proof]:
    """Fans look and buy; half-way a node is killed."""
    audience = site.make_audience(options.buyers)
    schedule = site.make_show(seats=50, max_active=1, opens_in=0).schedule
    path = f"/api/v1/schedules/{schedule}/queue/"
    buyers = Buyers(port, audience, options.seconds - 4)
    before = count_polls(folder, path)
    buyers.start()
    half = options.seconds / 2
    rows: list[list[object]] = []
    total = Polls()
    for name, is_last in (("both nodes", False), ("one killed with SIGKILL", True)):
        if is_last:
            node.end(signal.SIGKILL)
        polls = asyncio.run(poll_all([port], path, count=options.pollers, every=options.every, seconds=half))
        rows.append(
            [
                name,
                len(polls.latencies),
                f"{polls.percentile(0.5):.1f}",
                f"{polls.percentile(0.99):.1f}",
                dict(polls.statuses),
            ]
        )
        total.statuses += polls.statuses
        total.latencies += polls.latencies
    buyers.join(60)
    time.sleep(1.5)  # nginx writes its log once a second
    after = count_polls(folder, path)
    seen = after - before
    asked = sum(count for state, count in seen.items() if state not in ("HIT", "UPDATING", "STALE"))
    share = 100 * asked / max(1, sum(seen.values()))
    print(stack.table(["with", "polls", "p50, ms", "p99, ms", "answers"], rows), "\n")
    print(f"Polls as nginx has them: {dict(seen)}; {share:.2f} % reached a node.")
    print(f"Buyers: {dict(buyers.statuses)}\n")
    yield Proof("99 % of the polls never reach a node", f"{share:.2f} % do", [] if share < 1 else [f"{share:.2f} %"])
    bad = {status: count for status, count in total.statuses.items() if status != "200"}
    yield Proof("every poll is answered", f"{sum(total.statuses.values())} polls", [str(bad)] if bad else [])
    with site.connect() as connection:
        rows_paid = {user for (user,) in connection.execute(PAID, [audience.show.schedule]).fetchall()}
    yield Proof(
        "who was answered as paid has a seat", f"{len(buyers.paid)} paid", list(map(str, buyers.paid - rows_paid))
    )
    unserved = {fan.id for fan in audience.fans} - buyers.paid
    yield Proof("everybody could buy", f"{len(audience.fans)} fans", list(map(str, unserved)))


def count_polls(folder: Path, path: str) -> Counter[str]:
    """The polls in nginx's log, by what its cache did."""
    log = folder / "access.log"
    lines = (line.split() for line in log.read_text().splitlines()) if log.exists() else iter(())
    return Counter(words[-1] for words in lines if words[1] == path)


def judge(found: list[Proof]) -> bool:
    """Print what was seen; whether all of it holds."""
    print(
        stack.table(
            ["claim", "seen", "holds"], [[each.claim, each.seen, "NO" if each.breaches else "yes"] for each in found]
        )
    )
    for each in found:
        for breach in each.breaches[:5]:
            print(f'BREACH of "{each.claim}": {breach}')
    return not any(each.breaches for each in found)


def main() -> int:
    parser = argparse.ArgumentParser(description="Two web nodes behind nginx with a micro-cache.")
    parser.add_argument("--pollers", type=int, default=2000, help="fans who look at a line (2000)")
    parser.add_argument("--every", type=float, default=4, help="seconds between two looks of a fan (4)")
    parser.add_argument("--seconds", type=float, default=24, help="how long they look (24)")
    parser.add_argument("--buyers", type=int, default=120, help="fans who buy meanwhile (120)")
    options = parser.parse_args()
    web.open_files()
    with tempfile.TemporaryDirectory(prefix="frontrow-nodes-") as name, stack.throwaway(Stack) as site:
        folder = Path(name)
        folder.chmod(0o755)
        with stack.domain_ready(site):
            migrate = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(migrate, cwd=ROOT, env=dict(site.environment), check=True)
            with machines(folder, site) as nodes, nginx(folder, (nodes[0][0], nodes[1][0])) as port:
                found = list(across([each for each, _ in nodes], site))
                found += load(port, site, nodes[1][1], options, folder)
            found.append(Proof("the audit finds nothing", "", [] if site.passes_audit() else ["see `manage.py audit`"]))
            return 0 if judge(found) else 1


if __name__ == "__main__":
    sys.exit(main())
