"""The web server's door: what needs no pages goes a shorter way than Django's pages go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string

from concert_site.lib.cache import Memory

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

API = "/api/v1/"
# What is the same for everybody, whatever cookies come along.
PUBLIC = (f"{API}concerts/", f"{API}schedules/")
PROGRESS = re.compile(rf"{API}schedules/[0-9]{{1,18}}/queue/")
# Pictures that every reader of a page asks for, with the cookies of the page.
PICTURE = re.compile(r"/schedules/[0-9]{1,18}/map\.svg")
# How old the progress of a line may get here, beside what it is made of.
GLANCE_SECONDS = 0.2


class ApiHandler(WSGIHandler):
    """Django with the middlewares of settings.API_MIDDLEWARE alone: no session, no CSRF, no messages."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT002  Django's signature
        """Build the chain, as Django does from settings.MIDDLEWARE."""
        self._view_middleware: list[Any] = []  # Any: Django's own, none of it typed
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]  # not in the stubs
        for name in reversed(settings.API_MIDDLEWARE):
            chain = convert_exception_to_response(import_string(name)(chain))
        self._middleware_chain = chain


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, ready to be given again."""

    status: str
    headers: Headers
    body: bytes


class Door:
    """The WSGI application: the progress of a line from memory, the API by the short way, the rest as ever."""

    def __init__(self, site: WSGIHandler, api: WSGIHandler) -> None:
        self.site = site
        self.api = api
        self._progress: Memory[Answer] = Memory(most=1024)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        is_read = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if is_read and PICTURE.fullmatch(path):
            return self.api(environ, start_response)
        if not path.startswith(API):
            return self.site(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and PROGRESS.fullmatch(path):
            answer = self._progress.get(path, lambda: self._ask(environ))
            start_response(answer.status, answer.headers)
            return [answer.body]
        # Without a cookie there is no session to find, and no page to protect.
        if "HTTP_COOKIE" not in environ or (is_read and path.startswith(PUBLIC)):
            return self.api(environ, start_response)
        return self.site(environ, start_response)

    def _ask(self, environ: WSGIEnvironment) -> tuple[Answer, float]:
        """The answer to a request, and for how many seconds it may be given to everybody."""
        heard: list[tuple[str, Headers]] = []

        def listen(status: str, headers: Headers, exc_info: Any = None, /) -> Any:  # Any: WSGI's own
            heard.append((status, headers))

        response = self.api(environ, listen)
        try:
            body = b"".join(response)
        finally:
            response.close()
        status, headers = heard[0]
        # A refusal as well: while PostgreSQL is away, one request at a time finds that out.
        return Answer(status, headers, body), GLANCE_SECONDS
