"""Serving what was uploaded, without a second server: posters, and nothing else."""

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.utils.deprecation import MiddlewareMixin

from concert_site.lib.cache_control import FOR_EVER
from concert_site.lib.errors import Unavailable
from concert_site.lib.web.conditional import conditional
from reservations.models.posters import NAME

TYPES = {"webp": "image/webp", "svg": "image/svg+xml"}
# A drawing opened by itself is a page: it may run nothing, load nothing, and has no part in the site's origin.
NOTHING_RUNS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class MediaMiddleware(MiddlewareMixin):
    """Middleware, before sessions and languages: a poster is the same for everybody.

    Only names that we gave are looked for (letters and digits alone), so there is no way out of the folder and
    no list of it.
    """

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        is_asked = request.path.startswith(settings.MEDIA_URL)
        return poster(request, request.path.removeprefix(settings.MEDIA_URL)) if is_asked else None


def poster(request: HttpRequest, name: str) -> HttpResponseBase | None:
    """The file of this name; None if there is none."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    headers = {
        "Cache-Control": FOR_EVER,
        "Content-Security-Policy": NOTHING_RUNS,
        # Mails and other sites may show a poster.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Type": TYPES[found["suffix"]],
        "ETag": f'"{found["content"]}{found["small"] or ""}"',
        "X-Content-Type-Options": "nosniff",
    }
    try:
        with default_storage.open(name) as file:
            return conditional(
                request, lambda: HttpResponse(file.read(), headers={"Content-Length": str(file.size)}), headers=headers
            )
    except FileNotFoundError:
        return None
    except Unavailable:
        # Of a bucket; before the middleware that makes pages of such things.
        return HttpResponse(status=503, headers={"Retry-After": "5", "Cache-Control": "no-store"})
