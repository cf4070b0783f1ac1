"""What every request passes."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.translation import check_for_language, get_language_from_request, override

from concert_site.lib.handler import as_domain_error
from concert_site.lib.refusals import refuse_as

API = "/api/"


class RefusalsArePages:
    """Middleware: what the domain refuses, or a database that is away, is an answer of its own and not a 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a domain error that a page didn't foresee; None leaves mistakes of ours to Django."""
        error = as_domain_error(exception)
        return refuse_as(request, error) if error else None


class OwnIsPrivate:
    """Middleware: what the API doesn't call public is one fan's own, and no cache may keep it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(API):
            response.setdefault("Cache-Control", "private, no-store")
        return response


class InTheReadersLanguage:
    """Middleware: answers in the language of the account, else of the browser; for this request alone.

    Django's own leaves the language in the thread, where the next request, which may pass no such middleware,
    would find it. The API's answers say nothing of it in Vary: their public reads have no words in them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = language_of(request)
        with override(language):
            response = self.get_response(request)
        if not request.path.startswith(API):
            patch_vary_headers(response, ("Accept-Language",))
            response.setdefault("Content-Language", language)
        return response


def language_of(request: HttpRequest) -> str:
    """The language to answer in. An account is asked only where a session says that there is one."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        # The short way of the API (concert_site.front) looks for no user.
        chosen = getattr(getattr(request, "user", None), "locale", "")
        if chosen and check_for_language(chosen):
            return str(chosen)
    return get_language_from_request(request)


class SlashesForReaders(CommonMiddleware):
    """Django's own, but only a read is sent on to the address with a slash: a write would arrive as a GET."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether the slash is all that is missing, and being sent there loses nothing."""
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)
