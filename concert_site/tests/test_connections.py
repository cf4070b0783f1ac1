"""Connections whose reader takes nothing: they end; all others stay."""

import socket
import sys
from contextlib import ExitStack, suppress

import pytest

from concert_site.front import connections
from concert_site.front.connections import MOST_STRIKES, UNACKNOWLEDGED_MS, Connections, limit_unacknowledged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells of each connection what it took")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def pair(listener):
    """Makes pairs: the client's end, which takes little at once, and the server's."""
    with ExitStack() as opened:

        def make():
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            server = opened.enter_context(listener.accept()[0])
            server.setblocking(False)
            return client, server

        yield make


def fill(server):
    """Send until no more is taken."""
    with suppress(BlockingIOError):
        while server.send(b"a" * 65_536):
            pass


def is_open(client):
    client.setblocking(False)
    try:
        while client.recv(1 << 20):
            pass
    except BlockingIOError:
        return True
    return False


def looks(watch, times):
    return sum(watch.check() for _ in range(times))


def test_a_client_that_reads_nothing_is_disconnected(pair):
    _client, server = pair()
    fill(server)

    assert looks(Connections(), MOST_STRIKES + 1) == 1
    with pytest.raises(OSError):
        server.send(b"a")


def test_who_reads_at_a_fair_rate_is_not(pair):
    client, server = pair()
    watch = Connections()

    for _ in range(MOST_STRIKES + 3):
        fill(server)
        assert watch.check() == 0
        for _ in range(64):
            client.recv(4096)


def test_a_few_bytes_now_and_then_are_not_reading(pair):
    client, server = pair()
    fill(server)
    watch = Connections()
    ended = 0

    for _ in range(MOST_STRIKES + 1):
        client.recv(100)
        ended += watch.check()

    assert ended == 1


def test_who_rests_or_asks_elsewhere_is_left_alone(pair):
    resting, _server = pair()
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.create_connection(elsewhere.getsockname()) as ours:
        elsewhere.accept()[0].close()
        assert looks(Connections(), MOST_STRIKES + 2) == 0
        assert is_open(resting)
        assert ours.fileno() > 0


def test_what_is_accepted_gives_up_on_a_peer_that_is_gone(listener, pair):
    limit_unacknowledged()
    _client, server = pair()

    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKNOWLEDGED_MS


def test_nothing_is_kept_open_by_looking(pair):
    pair()
    Connections().check()
    before = len(list(connections.accepted()))
    looks(Connections(), 5)

    assert len(list(connections.accepted())) == before == 1
