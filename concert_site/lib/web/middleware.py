"""What every request passes."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import cast

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import check_for_language, get_language, get_language_from_request, override
from django.utils.translation import gettext as _

from concert_site.lib.cache_control import PRIVATE
from concert_site.lib.database.connections import drop_dead_connection
from concert_site.lib.errors import as_domain_error
from concert_site.lib.web.compression import pack_public
from concert_site.lib.web.headers import stored_headers
from concert_site.lib.web.hosts import is_allowed
from concert_site.lib.web.prefixes import ALLAUTH_API, API
from concert_site.lib.web.refusals import refuse, refuse_as

# What links and forms send; pages tell them apart by "is it a POST", so another would pass for a read.
METHODS_OF_PAGES = ("GET", "HEAD", "POST")


def is_page(request: HttpRequest) -> bool:
    return not request.path.startswith((API, ALLAUTH_API))


def is_public(response: HttpResponse) -> bool:
    """Whether it is the same for everybody."""
    return "public" in response.get("Cache-Control", "")


class ConnectionHealthMiddleware(MiddlewareMixin):
    """Middleware: drop a database connection that the server has closed meanwhile.

    A connection at rest has nothing to read. If it has, the server said goodbye (it was restarted, or an
    administrator ended the backend), and the next query would fail. Looking costs one system call and no
    round trip, unlike Django's health check.
    """

    def process_request(self, request: HttpRequest) -> None:
        drop_dead_connection()


class ErrorPageMiddleware:
    """Middleware: what the domain refuses, or a database that is away, is an answer of its own and not a 500.

    A wrong method, to which Django answers with nothing at all, is a page as well.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_foreign = is_page(request) and request.method not in METHODS_OF_PAGES
        response = HttpResponseNotAllowed(METHODS_OF_PAGES) if is_foreign else self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content and is_page(request):
            page = refuse(request, 405, "method_not_allowed", _("Go back, or browse all concerts."))
            page["Allow"] = response["Allow"]
            # Made above the middleware that says it of all else; by itself a 405 may be kept by anybody.
            keep_private(request, page)
            return page
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a domain error that a page didn't foresee; None leaves mistakes of ours to Django."""
        error = as_domain_error(exception)
        return refuse_as(request, error) if error else None


class CacheControlMiddleware(MiddlewareMixin):
    """Middleware: what isn't said to be public is one reader's own, and no cache on the way may keep it.

    Who has a session finds everything as it is now, also by going back; for the others the browser may keep a
    page and ask whether it is still right.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        keep_private(request, response)
        return response


def keep_private(request: HttpRequest, response: HttpResponse) -> None:
    """Have no cache on the way keep an answer that isn't said to be public."""
    if is_public(response):
        # A cache on the way would hand them to everybody; they come from answering odd cookies.
        response.cookies.clear()
        forget_cookie_in_vary(response)
        return
    session = settings.SESSION_COOKIE_NAME
    is_own = not is_page(request) or session in request.COOKIES or session in response.cookies
    response.setdefault("Cache-Control", PRIVATE if is_own else "private, no-cache")


def forget_cookie_in_vary(response: HttpResponse) -> None:
    """Take back that an answer depends on cookies, which looking for a session has said: a public one doesn't.

    Else a cache on the way would ask once for every fan who is logged in.
    """
    told = [word.strip() for word in response.get("Vary", "").split(",")]
    kept = [word for word in told if word and word.lower() != "cookie"]
    if len(kept) == len(told):
        return
    del response["Vary"]
    if kept:
        response["Vary"] = ", ".join(kept)


class RequestLocaleMiddleware:
    """Middleware: answers in the language of the account, else of the browser; for this request alone.

    Django's own leaves the language in the thread, where the next request, which may pass no such middleware,
    would find it. The API's answers and pictures say nothing of it in Vary: there are no words in what is public.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = language_of(request)
        # As Django's own middleware notes it, for who answers outside of this one.
        request.LANGUAGE_CODE = language
        with override(language):
            response = self.get_response(request)
        note_language(request, response, language)
        return response


def note_language(request: HttpRequest, response: HttpResponse, language: str) -> None:
    """Say of an answer with words in which language it is, and that another reader would get another."""
    if not request.path.startswith(API) and not is_public(response):
        patch_vary_headers(response, ("Accept-Language",))
        response.setdefault("Content-Language", language)


def language_of(request: HttpRequest) -> str:
    """The language to answer in. An account is asked only where a session says that there is one.

    And for pages alone: a public read of the API must not depend on whose cookies came along.
    """
    if "HTTP_COOKIE" not in request.META:
        return language_by(request.META.get("HTTP_ACCEPT_LANGUAGE", ""), settings.LANGUAGE_CODE)
    if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path.startswith(API):
        # What goes the short way (concert_site.front) has no user.
        chosen = locale_of_the_account(request)
        if chosen and check_for_language(chosen):
            return chosen
    return get_language_from_request(request)


@lru_cache(maxsize=256)
def language_by(accepted: str, _otherwise: str) -> str:
    """The language that suits Accept-Language best, remembered; `_otherwise`: what it is without one that suits."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    return get_language_from_request(request)


def locale_of_the_account(request: HttpRequest) -> str:
    """What the account says; nothing while PostgreSQL is away: then the page that says so is the browser's."""
    try:
        return str(getattr(getattr(request, "user", None), "locale", ""))
    except (OperationalError, InterfaceError):
        return ""


class AppendSlashMiddleware(CommonMiddleware):
    """Django's own, but only a read is sent on to the address with a slash: a write would arrive as a GET."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether the slash is all that is missing, and being sent there loses nothing."""
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)


class ApiMiddleware(AppendSlashMiddleware):
    """Middleware: what SecurityMiddleware and four of the above do, in one step, for what has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self.to_https = SecurityMiddleware(get_response).process_request if settings.SECURE_SSL_REDIRECT else None
        self.respond = convert_exception_to_response(self._respond)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        elsewhere = self.to_https(request) if self.to_https else None
        if elsewhere is not None:
            return elsewhere
        drop_dead_connection()
        response = cast("HttpResponse", self.respond(request))
        if request.path.startswith(API) and not response.cookies and not is_public(response):
            stored_headers(response).setdefault("cache-control", ("Cache-Control", PRIVATE))
        else:
            keep_private(request, response)
            pack_public(request, response)
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if not is_allowed(request.META.get("HTTP_HOST", ""), *settings.ALLOWED_HOSTS):
            # Raises, unless there is more to the Host than its name.
            request.get_host()
        request.LANGUAGE_CODE = language = language_of(request)
        with nullcontext() if language == get_language() else override(language):
            response = self._with_slash(request) or cast("HttpResponse", self.get_response(request))
        note_language(request, response, language)
        if not response.streaming:
            stored_headers(response).setdefault("content-length", ("Content-Length", str(len(response.content))))
        return response

    def _with_slash(self, request: HttpRequest) -> HttpResponse | None:
        is_whole = request.path_info.endswith("/")
        return None if is_whole else cast("HttpResponse | None", self.process_request(request))
