"""The web server's door: what needs no pages goes a shorter way than Django's pages go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string

from concert_site.lib.cache import Memory
from concert_site.lib.etags import names

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]

API = "/api/v1/"
# What is the same for everybody, whatever cookies come along.
PUBLIC = (f"{API}concerts/", f"{API}schedules/")
PROGRESS = re.compile(rf"{API}schedules/[0-9]{{1,18}}/queue/")
# What a request may say that its answer doesn't depend on; left out where that is kept for everybody.
PERSONAL = ("HTTP_IF_NONE_MATCH", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE")
# What a 304 repeats of the answer that it stands for (RFC 9110, 15.4.5).
REPEATED = {"etag", "cache-control", "vary", "date"}
# Pictures that every reader of a page asks for, with the cookies of the page.
PICTURE = re.compile(r"/schedules/[0-9]{1,18}/map\.svg")
# How old the progress of a line may get here, beside what it is made of.
GLANCE_SECONDS = 0.2
# Bodies of the API are read up to this size, whether anybody wants them or not.
MOST_READ = 65_536


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
    etag: str | None = None


def give(answer: Answer, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Give an answer to who asked: all of it, its head, or that the version at hand is still right."""
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known and answer.etag and names(known, answer.etag):
        start_response("304 Not Modified", [pair for pair in answer.headers if pair[0].lower() in REPEATED])
        return []
    start_response(answer.status, answer.headers)
    return [answer.body] if environ["REQUEST_METHOD"] == "GET" else []


def have_read(environ: WSGIEnvironment) -> None:
    """Have the body of a request at hand.

    Joining and entering need none, and a refusal comes before it is looked at. But the web server closes a connection
    on which an answer overtakes the body, without a word, and the client's next request goes nowhere.
    """
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and 0 < int(length) <= MOST_READ:
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(length)))


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
        if is_read and PROGRESS.fullmatch(path):
            # By all that Django might refuse or redirect a request for: one reader's answer is given to the next.
            key = (path, environ.get("HTTP_HOST"), environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_PROTO"))
            return give(self._progress.get(key, lambda: self._ask(environ)), environ, start_response)
        if not is_read:
            have_read(environ)
        # Without a cookie there is no session to find, and no page to protect.
        if "HTTP_COOKIE" not in environ or (is_read and path.startswith(PUBLIC)):
            return self.api(environ, start_response)
        return self.site(environ, start_response)

    def _ask(self, environ: WSGIEnvironment) -> tuple[Answer, float]:
        """The answer to a request, and for how many seconds it may be given to everybody."""
        heard: list[tuple[str, Headers]] = []

        def listen(status: str, headers: Headers, exc_info: Any = None, /) -> Any:  # Any: WSGI's own
            heard.append((status, headers))

        plain = {name: value for name, value in environ.items() if name not in PERSONAL}
        response = self.api(plain | {"REQUEST_METHOD": "GET", "QUERY_STRING": ""}, listen)
        try:
            body = b"".join(response)
        finally:
            response.close()
        status, headers = heard[0]
        # A refusal as well: while PostgreSQL is away, one request at a time finds that out.
        etag = next((value for name, value in headers if name.lower() == "etag"), None)
        return Answer(status, headers, body, etag), GLANCE_SECONDS
