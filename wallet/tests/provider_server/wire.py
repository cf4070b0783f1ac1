"""What goes over the wire, and answers that are given again by their idempotency key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Hangup(Exception):
    """There is no answer."""


@dataclass
class Refused(Exception):
    """An answer that says no."""

    status: int
    body: Mapping[str, Any]


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"

    @classmethod
    def of(cls, status: int, said: Any) -> "Answer":
        return cls(status, json.dumps(said).encode())


@dataclass
class Given:
    """What was answered by a key, and to what."""

    asked: Any
    answer: Answer


@dataclass
class Keys:
    """Answers by idempotency key; a broken answer is given again, too, as both providers document."""

    given: dict[Any, Given] = field(default_factory=dict)

    def find(self, key: Any, asked: Any) -> Answer | None:
        """The answer that was given before; None if there was none."""
        found = self.given.get(key)
        if found is None:
            return None
        if found.asked != asked:
            raise Refused(400, {"error": {"type": "idempotency_error", "message": "Keys are for the same parameters"}})
        return found.answer

    def keep(self, key: Any, asked: Any, answer: Answer) -> None:
        self.given[key] = Given(asked, answer)
