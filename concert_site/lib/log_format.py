"""How a line of the log looks: for people, or JSON for whoever collects logs. Neither has addresses or tokens in it."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from concert_site.lib.log_context import current

# What mail servers, providers and drivers put into their words. Of an address its domain is left, for the mail
# server's troubles are one domain's as a rule.
ADDRESS = re.compile(r"[\w.!#$%&'+=?^`{|}~-]+@(?=[\w-]+(\.[\w-]+)+)")
# Signed tokens, and what stands behind the name of a secret.
SIGNED = re.compile(r"\beyJ[\w-]{8,}(\.[\w-]+)*|\b(sk|rk|whsec)_(test_|live_)?\w{8,}")
NAMED = re.compile(
    r"(?i)\b(authorization|bearer|password|passwd|secret|sessionid|csrftoken|\w*token)(=|: ?|': ')[^\s'&]+"
)
URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")


def without_secrets(text: str) -> str:
    """The same without mail addresses, tokens and passwords."""
    if "@" in text:
        text = ADDRESS.sub("***@", URL_PASSWORD.sub("***", text))
    return NAMED.sub(r"\1\2***", SIGNED.sub("***", text))


class LineFormatter(logging.Formatter):
    """A line for people; where it comes from a request or task, with its number at the end."""

    def format(self, record: logging.LogRecord) -> str:
        text = without_secrets(super().format(record))
        work = current()
        if work is None:
            return text
        number = work.request_id or work.task_id
        head, break_, rest = text.partition("\n")
        return f"{head} [{number}]{break_}{rest}"


class JsonFormatter(OrjsonFormatter):
    """A JSON object a line: time, level, logger, message, and what is known of the request or task."""

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: as it has them
        super().__init__(*args, reserved_attrs=[*RESERVED_ATTRS, "request", "status_code"], **options)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:  # Any: JSON
        """Fill the object."""
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"], log_data["logger"] = record.levelname, record.name
        work = current()
        if work is not None:
            log_data.update(work.known())
        for name in ("message", "exc_info", "stack_info"):
            if log_data.get(name):
                log_data[name] = without_secrets(str(log_data[name]))
