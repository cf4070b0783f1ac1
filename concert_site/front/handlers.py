"""Which of Django's handlers a request gets: the short chain of the API, or all of the middlewares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core import signals
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver, set_script_prefix
from django.utils.log import log_response
from django.utils.module_loading import import_string

from concert_site.lib import log_context
from concert_site.lib.database.connections import drop_unusable_connection
from concert_site.lib.web.converters import IdInPath, VersionInPath
from concert_site.lib.web.prefixes import API_V1

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ID, VERSION = IdInPath.regex, VersionInPath.regex
# What is the same for everybody, whatever cookies come along.
PUBLIC = (f"{API_V1}concerts/", f"{API_V1}schedules/")
READS = ("GET", "HEAD")
# What every reader of a page asks for, with the cookies of the page.
PICTURE = re.compile(rf"/schedules/{ID}/map\.(svg|json)")


class SiteHandler(WSGIHandler):
    """Django with all of settings.MIDDLEWARE."""

    def respond(self, environ: WSGIEnvironment) -> HttpResponseBase:
        """Answer a request; whoever sends the response closes it."""
        set_script_prefix("/")
        signals.request_started.send(sender=self.__class__, environ=environ)
        request = WSGIRequest(environ)
        response: HttpResponseBase = self.get_response(request)
        note_known(request)
        return response


class ApiHandler(SiteHandler):
    """Django with the middlewares of settings.API_MIDDLEWARE alone: no session, no CSRF, no messages."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT002  Django's signature
        """Build the chain, as Django does from settings.MIDDLEWARE."""
        self._view_middleware: list[Any] = []  # Any: Django's own, none of it typed
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain = convert_exception_to_response(self._get_response)
        for name in reversed(settings.API_MIDDLEWARE):
            chain = convert_exception_to_response(import_string(name)(chain))
        self._middleware_chain = chain

    def respond(self, environ: WSGIEnvironment) -> HttpResponseBase:
        """Answer a request. Of what Django's signal of its beginning does, the one thing that is needed here.

        A thread's prefix and list of addresses are what they are without being set: the settings'.
        """
        drop_unusable_connection()
        request = WSGIRequest(environ)
        response = cast("HttpResponse", self._middleware_chain(request))
        response._resource_closers.append(request.close)  # type: ignore[attr-defined]  # noqa: SLF001  not in the stubs
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        note_known(request)
        return response

    def _get_response(self, request: HttpRequest) -> HttpResponseBase:
        """Call the view: Django's own, less the middlewares between which it does so."""
        callback, args, kwargs = self.resolve_request(request)
        response: HttpResponseBase = callback(request, *args, **kwargs)
        self.check_response(response, callback)
        if isinstance(response, SimpleTemplateResponse):
            response = response.render()
        return response

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view of an address, remembered: it stands behind nine nested lists of addresses."""
        request.resolver_match = match = resolved(settings.ROOT_URLCONF, request.path_info)
        return match


def note_known(request: HttpRequest) -> None:
    """Have the log, and who counts, know where a request went and whose it was, as far as anybody has looked."""
    work = log_context.current()
    if work is None:
        return
    match = request.resolver_match
    if match is not None:
        work.route = route_of(match, request.path_info)
        is_schedule = "schedules/<" in match.route
        work.schedule_id = match.kwargs.get("pk") if is_schedule else match.kwargs.get("schedule_id")
    # As Django keeps it once somebody has asked for it.
    user = getattr(request, "_cached_user", None)
    if user is not None and user.pk:
        work.user_id = user.pk


def route_of(match: ResolverMatch, path: str) -> str:
    """An address without what differs from one request to the next; of the admin its name."""
    if "admin" in match.namespaces:
        return f"admin:{match.url_name}"
    is_short = path.startswith(API_V1) and not match.route.startswith(API_V1[1:])
    return f"{API_V1 if is_short else '/'}{match.route}"


@lru_cache(maxsize=4096)
def resolved(urlconf: str, path: str) -> ResolverMatch:
    """What an address leads to.

    :raises Resolver404: if that is nothing; it is not remembered
    """
    for pattern in api_patterns(urlconf) if path.startswith(API_V1) else ():
        match = pattern.resolve(path.removeprefix(API_V1))
        if match is not None:
            return match
    # Which also says what was tried.
    found: ResolverMatch = get_resolver(urlconf).resolve(path)
    return found


@cache
def api_patterns(urlconf: str) -> list[URLPattern]:
    wanted = API_V1.removeprefix("/")
    resolvers = [each for each in get_resolver(urlconf).url_patterns if isinstance(each, URLResolver)]
    return [found for each in resolvers if str(each.pattern) == wanted for found in flattened(each.url_patterns)]


def flattened(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """Each address of lists that lie in each other without a prefix."""
    for each in patterns:
        if isinstance(each, URLPattern):
            yield each
        elif str(each.pattern) == "":
            yield from flattened(each.url_patterns)


class Dispatcher:
    """Chooses the handler. Called, it is a plain WSGI application for any server."""

    def __init__(self, site: SiteHandler, api: SiteHandler) -> None:
        self.site = site
        self.api = api

    def handler_of(self, method: str, path: str, *, has_cookie: bool) -> SiteHandler:
        if not path.startswith(API_V1):
            return self.api if method in READS and PICTURE.fullmatch(path) else self.site
        # Without a cookie there is no session to find, and no page to protect.
        if not has_cookie or (method in READS and path.startswith(PUBLIC)):
            return self.api
        return self.site

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        handler = self.handler_of(
            environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), has_cookie="HTTP_COOKIE" in environ
        )
        answer: Iterable[bytes] = handler(environ, start_response)
        return answer
