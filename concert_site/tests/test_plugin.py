"""What the test run itself promises: no network, a Redis database for each process."""

import os
import socket

import pytest

from concert_site.tests.plugin import redis_of_worker


def test_network_is_refused():
    with pytest.raises(RuntimeError, match=r"connected to '192\.0\.2\.1'"), socket.socket() as probe:
        probe.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match=r"looked up 'example\.com'"):
        socket.getaddrinfo("example.com", 80)


@pytest.mark.parametrize(
    ("url", "of_gw1"),
    [
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=2"),
        ("redis://:secret@localhost:6379/0", "redis://:secret@localhost:6379/2"),
        ("redis://localhost", "redis://localhost/2"),
    ],
)
def test_every_process_has_a_redis_database_of_its_own(url, of_gw1):
    assert redis_of_worker(url, "gw1") == of_gw1


def test_this_run_is_one_of_mode_test_with_services():
    assert os.environ["MODE"] == "test"
    assert os.environ["DATABASE_URL"]
    assert os.environ["REDIS_URL"]
