"""A slow or silent client costs nobody else anything: tried from outside on a real site of one web process."""

import http.client
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.embedded.web import HEAD_SECONDS
from concert_site.front.bodies import SMALL_SECONDS
from concert_site.tests.slow_clients import SlowClients, connected, raw, read_to_the_end, storm
from concert_site.tests.up_process import PATIENCE_SECONDS, Up, wait_until

EACH = 32
# At once: more than there are threads for them. Whoever waits still is hashed after the others' time is over.
LOGINS = 6
# What is answered at once takes milliseconds; this is what a busy machine may add. Slow clients stay for far longer.
SOON_SECONDS = 5.0
SEATS = 3_000
INSIDE = """
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at, updated_active_at,
                           entered_at, expired_at)
select fan, %s, gen_random_uuid(), 'ACTIVE', n, now(), now(), now(), now() + interval '1 hour'
  from unnest(%s::bigint[]) with ordinality as q (fan, n)
returning user_id, token::text"""


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    up = Up(folder / "slow", THROTTLE="off")
    try:
        yield up.wait_ready(2 * PATIENCE_SECONDS)
    finally:
        up.discard()
        shutil.rmtree(folder)


class House:
    """A show, fans who are inside, and what they ask."""

    def __init__(self, up: Up) -> None:
        self.up = up
        made = self.command("make_show", f"--seats={SEATS}", "--max-active=1000000")[0]
        self.schedule, self.seats = made["schedule"], iter(made["seats"])
        self.fans = self.command("make_fans", "20", "--balance=1000000")
        with self.database() as database:
            rows = database.execute(INSIDE, [self.schedule, [fan["id"] for fan in self.fans]]).fetchall()
        self.tokens = dict(rows)

    def database(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(url(DataDir(self.up.data_dir)), autocommit=True)

    def command(self, *words: str) -> list[dict]:
        return [json.loads(line) for line in self.up.command(*words).splitlines()]

    @property
    def progress(self) -> str:
        return f"/api/v1/schedules/{self.schedule}/queue/"

    @property
    def map(self) -> str:
        return f"/api/v1/schedules/{self.schedule}/seats/"

    def ask(self, method: str, path: str, body: object = None, seconds: float = SOON_SECONDS, **headers: str):
        """Status, body, and how long it took."""
        begun = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.up.port, timeout=seconds)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, named | ({"Content-Type": "application/json"} if sent else {}))
            response = connection.getresponse()
            return response.status, response.read(), time.monotonic() - begun

    def wallet(self, seconds: float = SOON_SECONDS):
        return self.ask("GET", "/api/v1/wallet/", seconds=seconds, Authorization=self.bearer(0))

    def bearer(self, which: int) -> str:
        return f"Bearer {self.fans[which]['access_token']}"

    def hold(self, which: int):
        """Hold the next seat."""
        fan = self.fans[which]
        return self.ask(
            "POST",
            "/api/v1/reservations/",
            {"schedule": self.schedule, "seats": [next(self.seats)]},
            Authorization=self.bearer(which),
            X_Queue_Token=self.tokens[fan["id"]],
        )


@pytest.fixture(scope="module")
def house(up: Up) -> House:
    return House(up)


@pytest.fixture(scope="module")
def slow(house: House) -> Iterator[SlowClients]:
    """All kinds at once, for as long as the tests of this module run."""
    with SlowClients(house.up.port, each=EACH, path=house.map) as clients:
        time.sleep(1)
        yield clients


def test_everybody_is_answered_while_hundreds_are_slow(house: House, slow: SlowClients) -> None:
    answered = [
        house.ask("GET", "/healthz")[0],
        house.ask("GET", "/readyz")[0],
        house.ask("GET", house.progress)[0],
        house.wallet()[0],
        house.hold(1)[0],
        house.ask("GET", "/")[0],
        house.ask("GET", "/static/css/frontrow.css")[0],
        house.ask("GET", "/admin/login/")[0],
        house.ask("POST", "/_allauth/app/v1/auth/login", {"email": "nobody@example.com", "password": "x"})[0],
    ]

    assert answered == [200, 200, 200, 200, 201, 200, 200, 302, 400]
    assert slow.are_waiting("one byte of nine")
    assert slow.are_waiting("chunks bit by bit")
    assert slow.are_waiting("nothing")


@pytest.mark.parametrize(
    "kind", ["one byte of nine", "a body bit by bit", "a larger body bit by bit", "chunks bit by bit",
             "a chunk that doesn't end", "a login of one byte", "an upload"],
)  # fmt: skip
def test_a_body_that_is_late_is_a_408_and_the_end(slow: SlowClients, kind: str) -> None:
    left = slow.since + SMALL_SECONDS + 15 - time.monotonic()

    said, has_ended = read_to_the_end(slow.clients[kind][0], max(left, 5))

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said.lower()
    assert has_ended
    if b"login" not in kind.encode() and "upload" not in kind:
        assert json.loads(said.split(b"\r\n\r\n", 1)[1])["errors"][0]["code"] == "request_timeout"


def test_everybody_is_answered_while_every_thread_waits(house: House) -> None:
    """A table that is locked keeps each thread of the main lane for the two seconds of lock_timeout."""
    house.ask("GET", house.progress)
    statuses = []
    waiting = [threading.Thread(target=lambda: statuses.append(house.wallet(seconds=30)[0])) for _ in range(12)]
    with house.database() as database, database.transaction():
        database.execute("lock table balance in access exclusive mode")
        with storm(waiting):
            time.sleep(0.5)
            quick = [house.ask("GET", path) for path in ("/healthz", house.progress, "/healthz", house.progress) * 5]
            assert {status for status, _, _ in quick} == {200}
            assert statistics.median(seconds for _, _, seconds in quick) < 0.5
            assert house.ask("GET", "/readyz")[0] == 200
            # Staff, too, have threads of their own.
            assert house.ask("GET", "/admin/login/")[0] == 302
            assert all(thread.is_alive() for thread in waiting[-3:])
    assert len(statuses) == 12


def test_logins_wait_for_hashing_and_nobody_else_does(house: House) -> None:
    stopped = time.monotonic() + 1.5
    logins, others = [], []

    def log_in(number: int) -> None:
        tries = 0
        while time.monotonic() < stopped:
            tries += 1
            body = {"email": f"fan{number}-{tries}@example.com", "password": "a wrong password"}
            logins.append(house.ask("POST", "/_allauth/app/v1/auth/login", body, seconds=40)[0])

    with storm([threading.Thread(target=log_in, args=(number,)) for number in range(LOGINS)]):
        time.sleep(0.5)
        while time.monotonic() < stopped:
            others += [house.wallet(), house.ask("GET", house.progress), house.hold(2 + len(others) // 3 % 18)]

    assert {status for status, _, _ in others} <= {200, 201, 409}
    assert statistics.median(seconds for _, _, seconds in others) < 0.5
    assert set(logins) <= {400, 429, 503}
    assert 400 in logins


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (
            b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            404,
        ),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n{}", 400),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: two\r\n\r\n{}", 400),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n\r\n", 413),
        (b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_what_makes_no_sense_is_refused_and_ends(house: House, request_: bytes, status: int) -> None:
    said, has_ended = raw(house.up.port, request_)

    assert int(said.split()[1]) == status
    assert has_ended


def test_a_body_far_too_large_is_told_so_while_it_is_sent(house: House) -> None:
    status, body, _ = house.ask("POST", "/api/v1/reservations/", "a" * 2_000_000)

    assert (status, json.loads(body)["errors"][0]["code"]) == (413, "too_large")


def test_expect_100_continue(house: House) -> None:
    head = (
        b"POST /api/v1/wallet/charges/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    with connected(house.up.port) as client:
        client.sendall(head)
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_requests_in_a_row_are_answered_in_a_row(house: House) -> None:
    """Bytes beyond a body are the next request, whoever thought otherwise."""
    one = b"POST /api/v1/wallet/charges/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"

    said, _ = raw(house.up.port, one + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert said.count(b"HTTP/1.1 401 ") == 1
    assert said.endswith(b'{"status": "ok"}')


@pytest.mark.parametrize(
    "asked",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_no_other_protocol_is_spoken(house: House, asked: bytes) -> None:
    said, _ = raw(house.up.port, asked)

    assert not said.startswith(b"HTTP/1.1 101")
    assert said == b"" or said.startswith(b"HTTP/1.1 200")


def test_who_vanishes_keeps_no_thread(house: House) -> None:
    for _ in range(50):
        with connected(house.up.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with connected(house.up.port) as client:
            client.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")

    assert house.wallet()[0] == 200


def test_heads_and_answers_without_a_body_have_none(house: House) -> None:
    head, _ = raw(house.up.port, f"HEAD {house.map} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    etag = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"etag")).split(b": ")[1]
    ask = f"GET {house.map} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ".encode()
    known, _ = raw(house.up.port, ask + etag + b"\r\n\r\n")

    for answer, status in ((head, b"200"), (known, b"304")):
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.endswith(b"\r\n\r\n")


def test_connections_that_rest_end(slow: SlowClients) -> None:
    """Those that never asked, and those whose head never ends."""
    left = slow.since + HEAD_SECONDS + 15 - time.monotonic()
    for kind in ("nothing", "half a head", "a head bit by bit"):
        assert read_to_the_end(slow.clients[kind][0], max(left, 5)) == (b"", True)


def test_what_is_on_its_way_is_finished_before_the_site_stops(house: House) -> None:
    """The last test of this site."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(house.wallet(seconds=30)[0]))
    with house.database() as database, database.transaction():
        database.execute("lock table balance in access exclusive mode")
        thread.start()
        time.sleep(0.5)
        house.up.process.terminate()
        time.sleep(0.5)
    thread.join(20)

    assert seen == [200]
    wait_until(lambda: house.up.process.poll() is not None, "the site stops")
