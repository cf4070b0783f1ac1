"""What every request passes."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware

from concert_site.lib.errors import Unavailable
from concert_site.lib.handler import as_domain_error
from concert_site.lib.refusals import refuse_for_now


class AwayIsNotBroken:
    """Middleware: a page whose database is away answers 503, as the API does, and not 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 for what will pass; None leaves mistakes of ours to Django."""
        error = as_domain_error(exception)
        return refuse_for_now(request, error) if isinstance(error, Unavailable) else None


class OwnIsPrivate:
    """Middleware: what the API doesn't call public is one fan's own, and no cache may keep it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/api/"):
            response.setdefault("Cache-Control", "private, no-store")
        return response


class SlashesForReaders(CommonMiddleware):
    """Django's own, but only a read is sent on to the address with a slash: a write would arrive as a GET."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether the slash is all that is missing, and being sent there loses nothing."""
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)
