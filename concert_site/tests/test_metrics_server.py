"""The process of the metrics, as whoever scrapes meets it."""

import threading
from contextlib import closing
from http.client import HTTPConnection

import pytest
from django.core.exceptions import ImproperlyConfigured

from concert_site.operations import metrics_server
from concert_site.operations.metrics_page import MetricsPage
from concert_site.operations.metrics_server import Handler, Server

TOKEN = "a token that is long enough"


class Page(MetricsPage):
    """What is told is another test's matter (test_metrics.py)."""

    def render(self):
        return b"frontrow_something 1\n"


@pytest.fixture(params=["127.0.0.1", "::1"])
def connection(request, settings, monkeypatch, tmp_path):
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(Handler, "page", Page(tmp_path))
    with Server((request.param, 0)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with closing(HTTPConnection(*server.server_address[:2], timeout=5)) as found:
            yield found
        server.shutdown()
        thread.join()


def asked(connection, path, **headers):
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read(), response.headers


def test_who_has_the_token_reads_the_page_and_others_are_asked_for_it(connection):
    status, body, headers = asked(connection, "/metrics?x=1", Authorization=f"Bearer {TOKEN}")
    assert (status, body) == (200, b"frontrow_something 1\n")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")

    for authorization in ("", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
        status, body, headers = asked(connection, "/metrics", Authorization=authorization)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert b"frontrow_something" not in body


def test_without_a_token_everybody_who_gets_there_may_look(connection, settings):
    settings.METRICS_TOKEN = ""

    assert asked(connection, "/metrics")[0] == 200


def test_it_says_that_it_is_there_and_knows_nothing_else(connection):
    assert asked(connection, "/healthz")[:2] == (200, b"ok\n")
    assert asked(connection, "/")[:2] == (404, b"Metrics are at /metrics.\n")


def test_without_an_address_or_on_one_that_is_taken_it_ends_with_a_line(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "page", None)
    settings.METRICS_DIR, settings.METRICS_ADDRESS = tmp_path, None
    with pytest.raises(ImproperlyConfigured, match="METRICS_ADDRESS is not set"):
        metrics_server.serve()

    with Server(("127.0.0.1", 0)) as taken:
        settings.METRICS_ADDRESS = taken.server_address
        with pytest.raises(ImproperlyConfigured, match=r"can't be used: .*Address already in use"):
            metrics_server.serve()
