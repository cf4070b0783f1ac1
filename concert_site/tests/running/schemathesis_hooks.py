"""Loaded by schemathesis in a process of its own (test_schemathesis)."""

import json
import os
from typing import Any

import schemathesis

HEADER = "Idempotency-Key"
LONGEST = 255

# As test_schemathesis makes them.
SCHEDULE, SEATS = int(os.environ["SHOW_SCHEDULE"]), json.loads(os.environ["SHOW_SEATS"])
LONGEST_NAMES = {"section": 50, "category": 100}


def plain(value: Any) -> Any:
    """JSON without numbers like 1.0: to JSON Schema they are integers, and this API refuses them as ids and amounts."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def booked(body: Any) -> Any:
    """A body that is fit to hold seats, of the one show that there is: that others don't exist, no schema can say."""
    seats = body.get("seats") if isinstance(body, dict) else None
    if not isinstance(seats, list) or not all(is_id(each) for each in seats) or not is_id(body.get("schedule")):
        return body
    if len(set(seats)) < len(seats) or not 0 < len(seats) <= len(SEATS):
        return body
    return body | {"schedule": SCHEDULE, "seats": [SEATS[(seats[0] + nth) % len(SEATS)] for nth in range(len(seats))]}


def wished(body: Any) -> Any:
    """A body that wishes for the best seats, anywhere in that show: what sections there are, no schema can say."""
    wish = body.get("best_available") if isinstance(body, dict) else None
    if not isinstance(wish, dict) or not is_id(wish.get("quantity")) or not is_id(body.get("schedule")):
        return body
    names = {name: wish[name] for name in LONGEST_NAMES if name in wish}
    if not all(is_name(name, LONGEST_NAMES[field]) for field, name in names.items()):
        return body
    return body | {"schedule": SCHEDULE, "best_available": {name: wish[name] for name in wish if name not in names}}


def is_name(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and "\0" not in value


def within_means(body: Any) -> Any:
    """A body that asks for no more money than the fan has: how much that is, no schema can say."""
    amount = body.get("amount") if isinstance(body, dict) else None
    return body | {"amount": amount % 1_000 + 1} if is_id(amount) else body


def is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: Any) -> None:
    """Send another body than the one that was made up, where that one says what no schema can forbid."""
    body = wished(booked(plain(case.body)))
    if case.path.endswith("/wallet/withdrawals/"):
        body = within_means(body)
    # Not by ==, to which 1 and 1.0 are the same. What is left alone keeps what schemathesis knows of it.
    if repr(body) != repr(case.body):
        case.body = body
    key = (case.headers or {}).get(HEADER)
    if isinstance(key, str) and 0 < len(key) <= LONGEST and not (key.isprintable() and key.strip()):
        # What is printable is said in words alone: HTTP takes away blanks that a pattern would forbid.
        case.headers[HEADER] = "a key"
