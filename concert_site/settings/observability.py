"""What is told of the site while it runs: logs, metrics, errors, traces."""

import logging
import re
from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from concert_site import __version__
from concert_site.settings.base import DATA_DIR, MODE, env

# --- Logs --------------------------------------------------------------------------------------

LOG_FORMAT = env.one_of("LOG_FORMAT", ["console", "json"], default="console")
# A line for each request that a thread answered. Polls of the line are counted by metrics alone.
LOG_REQUESTS = env.bool("LOG_REQUESTS", default=LOG_FORMAT == "json")

# What Python and libraries warn of, Celery of its account for one, is a line of the log as well.
logging.captureWarnings(LOG_FORMAT == "json")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "console": {
            "()": "concert_site.lib.log_format.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "concert_site.lib.log_format.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {
        "handlers": ["console"],
        "level": env.one_of("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"], default="INFO"),
    },
    # A refusal is an answer, not an incident.
    "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}, "stripe": {"level": "WARNING"}},
}

# --- Metrics -----------------------------------------------------------------------------------

_LISTENING = re.compile(r"(?P<host>\[[\da-fA-F:.]+\]|[^:\[\]/\s]+):(?P<port>\d{1,5})", re.ASCII)
_LAST_PORT = 65_535


def listening_address(name: str, text: str) -> tuple[str, int] | None:
    """Host and port of the `host:port` that a variable has; None if it has nothing.

    :raises ImproperlyConfigured: if it has something else
    """
    if not text:
        return None
    found = _LISTENING.fullmatch(text)
    if not found or not 0 < int(found["port"]) <= _LAST_PORT:
        raise ImproperlyConfigured(f"{name}={text} is not host:port, such as 127.0.0.1:9464.")
    return found["host"].strip("[]"), int(found["port"])


# Where a process of its own tells the metrics of all; and what the web server's /metrics asks for. Neither: none.
METRICS_ADDRESS = listening_address("METRICS_ADDRESS", env.str("METRICS_ADDRESS", default=""))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
SHORTEST_TOKEN = 16
if METRICS_TOKEN and len(METRICS_TOKEN) < SHORTEST_TOKEN:
    raise ImproperlyConfigured("METRICS_TOKEN is shorter than 16 characters.")
HAS_METRICS = bool(METRICS_ADDRESS or METRICS_TOKEN)
# Where the processes of a host leave their counts for each other.
METRICS_DIR = Path(env.str("METRICS_DIR", default=f"{DATA_DIR}/run/metrics")).absolute()

# --- Errors and traces -------------------------------------------------------------------------

SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default=MODE)
SENTRY_RELEASE = env.str("SENTRY_RELEASE", default=__version__)
# The rest of OpenTelemetry's variables its library reads itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env.optional_address("OTEL_EXPORTER_OTLP_ENDPOINT")


def require_package(variable: str, value: str, package: str) -> None:
    """Insist on what a variable needs, if it is set.

    :raises ImproperlyConfigured: if that isn't installed
    """
    if value and find_spec(package) is None:
        raise ImproperlyConfigured(
            f"{variable} is set and {package} is not installed: pip install -r deploy/requirements/observability.txt."
        )


require_package("SENTRY_DSN", SENTRY_DSN, "sentry_sdk")
require_package("OTEL_EXPORTER_OTLP_ENDPOINT", OTEL_EXPORTER_OTLP_ENDPOINT, "opentelemetry")
if SENTRY_DSN:
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        Dsn(SENTRY_DSN)
    except (BadDsn, ValueError):
        # Its words may quote the key.
        raise ImproperlyConfigured("SENTRY_DSN is no such address: it looks like https://key@host/1.") from None
