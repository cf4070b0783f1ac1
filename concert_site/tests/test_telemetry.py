"""Errors and traces that leave the house: they arrive, say which request it was, and nothing else of a person."""

import gzip
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tokens import create_access_token_for
from concert_site.embedded.data_dir import PROJECT
from concert_site.lib import log_context
from concert_site.lib.database import statements
from concert_site.lib.log_context import LogContext
from concert_site.operations import telemetry
from concert_site.tests.test_metrics import answers
from reservations.tests.factories import make_schedule

# Far from where they are used: the lines around a frame are sent along.
IN_A_VARIABLE = "in-a-variable-of-the-frame"
PERSONAL = ("fan@", "jane.doe", "abcdef1234567890", IN_A_VARIABLE)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector():
    """A server that takes whatever is posted: what came, and its address."""
    came = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield came, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def sentry(collector, settings):
    came, address = collector
    settings.SENTRY_DSN = f"http://key@{address}/1"
    telemetry.begin_sentry("web")
    yield came
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def traces(collector, monkeypatch):
    came, address = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{address}")
    execute = statements.PreparedCursor.execute
    telemetry.begin_traces("web")
    yield came
    telemetry.end_traces()
    assert statements.PreparedCursor.execute is execute


def spans_in(came):
    """The spans that arrived: name, attributes, and the number of the one above."""
    found = []
    for path, body in came:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found += [(each.name, {pair.key: pair.value for pair in each.attributes}, each) for each in scope.spans]
    return found


def fail(body):
    raise RuntimeError("fan@example.com could not be written to, token=abcdef1234567890")


def test_an_error_arrives_with_the_number_of_its_request_and_without_a_person(sentry):
    token = log_context.begin(LogContext("5f1c0c27"))
    log_context.note_user(7)
    try:
        fail(IN_A_VARIABLE)
    except RuntimeError:
        logging.getLogger("frontrow.test").exception(
            "%s failed", "To jane.doe@example.com", extra={"body": IN_A_VARIABLE}
        )
    log_context.end(token)
    sentry_sdk.flush(5)

    ((path, envelope),) = sentry
    assert path == "/api/1/envelope/"
    event = json.loads(envelope.splitlines()[2])
    assert event["tags"] == {"role": "web", "request_id": "5f1c0c27"}
    assert event["user"] == {"id": "7"}
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert not [word for word in PERSONAL if word.encode() in envelope]


def test_a_warning_is_not_sent(sentry):
    logging.getLogger("frontrow.test").warning("PostgreSQL is away")
    sentry_sdk.flush(1)

    assert sentry == []


@pytest.mark.django_db(transaction=True)
def test_a_request_is_a_span_below_that_of_the_proxy_with_its_statements_below(traces):
    fan, schedule = make_fan(), make_schedule()
    token = create_access_token_for(fan.pk, seconds=60)
    path = f"/api/v1/schedules/{schedule.pk}/queue-tokens/"
    answers(
        (
            path,
            {
                "method": "POST",
                "authorization": f"Bearer {token}",
                "traceparent": f"00-{TRACE}-{SPAN}-01",
                "x_request_id": "5f1c0c27",
            },
        )
    )
    telemetry._state.provider.force_flush()

    spans = spans_in(traces)
    ((name, attributes, top),) = [each for each in spans if "http.route" in each[1]]
    assert name == "POST /api/v1/schedules/<id:pk>/queue-tokens/"
    assert (top.trace_id.hex(), top.parent_span_id.hex()) == (TRACE, SPAN)
    assert attributes["frontrow.request_id"].string_value == "5f1c0c27"
    below = [each for _name, _attributes, each in spans if each.parent_span_id == top.span_id]
    assert any(each.name == "SQL" for each in below)
    body = b"".join(body for _path, body in traces)
    assert fan.email.encode() not in body
    assert token.encode() not in body


@pytest.mark.parametrize(
    ("variable", "package"), [("SENTRY_DSN", "sentry_sdk"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry")]
)
def test_who_sets_it_without_the_packages_is_told_which(variable, package):
    from concert_site.settings.observability import require_package

    with pytest.raises(ImproperlyConfigured, match=rf"{variable} is set and {package}_not_there is not installed"):
        require_package(variable, "http://127.0.0.1:1", f"{package}_not_there")
    require_package(variable, "", f"{package}_not_there")
    require_package(variable, "http://127.0.0.1:1", package)


def test_the_tests_have_the_versions_that_a_house_installs():
    own = (PROJECT / "deploy" / "requirements" / "observability.in").read_text().splitlines()[1:]

    assert set(own) <= set((PROJECT / "deploy" / "requirements" / "dev.in").read_text().splitlines())
