"""Who is at work: said in the first words of each statement, where the triggers of the trace read it.

A setting of the connection would be another statement, would outlive its request on a connection that is kept, and
belong to somebody else behind a pooler; two statements in one can't be prepared. A comment is part of the statement:
it costs no round trip, ends with it, and works wherever a statement does. Nobody can put it there by what they type:
values come later in the text, and the triggers read its beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

LONGEST_VIA = 200


@dataclass(frozen=True, slots=True)
class Context:
    """Who (a member of staff, or nobody), by which page or command, and in which request."""

    actor_id: int | None
    via: str
    request: UUID

    @property
    def comment(self) -> str:
        """The first words of a statement, in hex: nothing in them ends the comment or takes a parameter."""
        said = {"actor": self.actor_id, "via": self.via, "request": str(self.request)}
        kind = "other" if self.actor_id is None else "staff"
        return f"/*{kind}:{json.dumps(said).encode().hex()}*/ "


_current: ContextVar[Context | None] = ContextVar("trace", default=None)


@contextmanager
def acting(actor_id: int | None, *, via: str = "") -> Iterator[Context]:
    """Whatever is written to the database within is done by this member of staff, and the trace says so.

    Within another it takes over what isn't said here, so that all is known to be of one request.
    """
    outer = _current.get()
    request = outer.request if outer else uuid4()
    # PostgreSQL's JSON can't hold a null character.
    said = (via or (outer.via if outer else "")).replace("\0", "")[:LONGEST_VIA]
    context = Context(actor_id=actor_id, via=said, request=request)
    token = _current.set(context)
    try:
        if outer:
            yield context
        else:
            with connection.execute_wrapper(add_actor):
                yield context
    finally:
        _current.reset(token)


def add_actor(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:  # Any: Django's
    """Begin a statement with who is at work."""
    here = _current.get()
    return execute(here.comment + sql if here and isinstance(sql, str) else sql, params, many, context)
