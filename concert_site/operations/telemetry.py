"""Errors to Sentry and traces to a collector, where the house has them: SENTRY_DSN, OTEL_EXPORTER_OTLP_ENDPOINT.

Off, nothing of it is loaded. Both say which request it was, whose and of which date by number, and nothing else of
a person: no address, no body, no cookie, no parameter of a statement.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from django.conf import settings

from concert_site.lib import log_context
from concert_site.lib.database import statements
from concert_site.lib.log_format import without_secrets

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer
    from sentry_sdk.types import Event


class TracingState:
    """What makes spans in this process; None while there are no traces."""

    provider: TracerProvider | None = None
    tracer: Tracer | None = None
    # Any: each of a class of its own; a method of psycopg's own types.
    instrumentors: list[Any]
    execute: Any

    def __init__(self) -> None:
        self.instrumentors = []


_state = TracingState()
FAILED = 500
LONGEST_STATEMENT = 200


def begin(role: str) -> None:
    """Start both, as they are set, in the process that uses them: after the fork that made it."""
    if settings.SENTRY_DSN:
        begin_sentry(role)
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        begin_traces(role)


# --- Errors ------------------------------------------------------------------------------------


def begin_sentry(role: str) -> None:
    """Send what is logged as an error."""
    import sentry_sdk
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        # Said, so that the library doesn't run git to find one.
        release=settings.SENTRY_RELEASE,
        server_name=socket.gethostname(),
        # Those of frameworks would send requests with their headers and people with their addresses.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(), DedupeIntegration()],
        # A variable of a frame may hold anything.
        include_local_variables=False,
        max_breadcrumbs=20,
        before_send=cleaned,
    )
    sentry_sdk.set_tag("role", role)


def cleaned(event: Event, hint: dict[str, Any]) -> Event:
    """An event as it may leave the house: with whose it is by number, and without what others' words have in them."""
    for part in ("request", "user", "extra"):
        event.pop(part, None)  # type: ignore[misc]  # optional parts of it
    work = log_context.current()
    if work is not None:
        known = {name: str(value) for name, value in work.known().items()}
        user_id = known.pop("user_id", None)
        event["tags"] = {**dict(event.get("tags") or {}), **known}
        if user_id is not None:
            event["user"] = {"id": user_id}
    cleaned_event: Event = without_secrets_in(event)
    return cleaned_event


def without_secrets_in(value: Any) -> Any:  # Any: JSON
    """The same with every text cleaned."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {key: without_secrets_in(each) for key, each in value.items()}
    return [without_secrets_in(each) for each in value] if isinstance(value, list) else value


# --- Traces ------------------------------------------------------------------------------------


def begin_traces(role: str) -> None:
    """Make spans, and send them from a thread. Sampling is OpenTelemetry's own: OTEL_TRACES_SAMPLER and its ARG."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = _state.provider = TracerProvider(
        resource=Resource.create({"service.name": "frontrow", "service.instance.id": role})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    for kind in (PsycopgInstrumentor, RedisInstrumentor, CeleryInstrumentor, RequestsInstrumentor):
        instrumentor = kind()
        instrumentor.instrument(tracer_provider=provider)
        _state.instrumentors.append(instrumentor)
    _state.tracer = provider.get_tracer("frontrow")
    _state.execute = statements.PreparedCursor.execute
    statements.PreparedCursor.execute = traced(_state.execute)  # type: ignore[method-assign]


def end_traces() -> None:
    """Send what is there, and make no spans any more."""
    if _state.provider is None:
        return
    _state.provider.shutdown()
    while _state.instrumentors:
        _state.instrumentors.pop().uninstrument()
    statements.PreparedCursor.execute = _state.execute  # type: ignore[method-assign]
    _state.provider = _state.tracer = None


def traced(execute: Any) -> Any:  # Any: a method of psycopg's own types
    """The hot statements have cursors of their own, which no instrumentation knows: a span for each."""

    def execute_in_span(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        assert _state.tracer is not None  # noqa: S101  it was begun
        with _state.tracer.start_as_current_span("SQL") as span:
            span.set_attribute("db.system.name", "postgresql")
            # With names for its parameters, never their values.
            span.set_attribute("db.query.text", " ".join(str(query).split())[:LONGEST_STATEMENT])
            return execute(self, query, params, **options)

    return execute_in_span


class RequestSpan:
    """The span of one request, below that of who asked (`traceparent`). Ended where it was begun: in its thread."""

    __slots__ = ("_scope", "_span")

    def __init__(self, tracer: Tracer, method: str, traceparent: str | None) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        above = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if traceparent else None
        self._scope = tracer.start_as_current_span(method, context=above, kind=SpanKind.SERVER)
        self._span: Span = self._scope.__enter__()

    def end(self, *, method: str, route: str, status: int, request_id: str) -> None:
        """Say what it was."""
        from opentelemetry.trace import StatusCode

        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "frontrow.request_id": request_id,
            }
        )
        if status >= FAILED:
            self._span.set_status(StatusCode.ERROR)
        self._scope.__exit__(None, None, None)


def begin_request(method: str, traceparent: str | None) -> RequestSpan | None:
    """The span of a request that a thread begins with; None where there are no traces."""
    tracer = _state.tracer
    return RequestSpan(tracer, method, traceparent) if tracer is not None else None
