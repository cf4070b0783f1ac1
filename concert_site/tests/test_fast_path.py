"""What granian does that the fast path builds on: tried on granian itself."""

import http.client
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest

from concert_site.embedded import web
from concert_site.tests.fast_path_app import BUSY_SECONDS
from concert_site.tests.up_process import free_port, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def port():
    """Of a web server with one process."""
    port = free_port()
    program = web.granian(web.Address("127.0.0.1", port), 1, "concert_site.tests.fast_path_app:application")
    server = subprocess.Popen([sys.executable, *program.argv[1:]], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_open(port), "granian listens")
        yield port
    finally:
        server.terminate()
        server.wait(30)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port, path, body=None):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST" if body else "GET", path, body)
        return connection.getresponse().read().decode()


def test_requests_and_small_bodies_pass_a_loop_that_is_busy(port):
    begun = time.monotonic()
    answers = [ask(port, "/busy"), ask(port, "/"), ask(port, "/", b"a small body")]

    assert answers == ["elsewhere", "elsewhere", "elsewhere: b'a small body'"]
    assert time.monotonic() - begun < BUSY_SECONDS


@pytest.mark.parametrize("path", ["/loop", "/fault", "/cancelled"])
def test_what_is_not_taken_is_answered_in_the_loop(port, path):
    assert ask(port, path) == "loop"


def test_a_body_that_could_not_be_taken_is_answered_all_the_same(port):
    assert ask(port, "/fault-of-a-body", b"a small body") == "Internal server error"
    assert ask(port, "/") == "elsewhere"


def begin(port, path):
    """A connection with half a body under way."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf".encode())
    return connection


def test_a_body_whose_time_is_up_is_late(port):
    with begin(port, "/late") as slow:
        answer = slow.recv(4096).decode()

    assert answer.endswith("elsewhere: TooSlow()")


def test_nothing_is_kept_of_bodies_that_break_off_or_are_late(port):
    for _ in range(10):
        begin(port, "/").close()
        with begin(port, "/late") as slow:
            slow.recv(4096)

    wait_until(lambda: ask(port, "/expected") == "0", "nobody expects a body any more")
