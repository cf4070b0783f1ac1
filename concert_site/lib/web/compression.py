"""Bodies go out compressed where that is worth it: pages each time, what is the same for everybody once a version.

Pages have secrets in them (tokens of forms), and echo what a reader sent: BREACH guesses such secrets from lengths.
Django masks its token anew in each page, and each compressed page gets a random length on top, as Django's own
middleware does it. Pages of accounts, where secrets stand that are not masked (keys of a second factor, recovery
codes), stay as they are; so does what a fan reads as JSON, which is short.
"""

import gzip
from hashlib import blake2b

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from concert_site.lib.cache import TTLCache
from concert_site.lib.web.conditional import takes_gzip
from concert_site.lib.web.prefixes import ACCOUNT_PAGES

# Below a packet of the network nothing is gained.
WORTHWHILE = 1024
LEVEL = 5
KEPT_SECONDS = 60.0
TEXTS = ("application/json", "image/svg+xml", "text/", "application/manifest+json")

# A hall of 20,000 seats has some 5 kB packed.
_packed: TTLCache[bytes] = TTLCache(most=256)


def pack_public(request: HttpRequest, response: HttpResponse) -> None:
    """Compress an answer that is the same for everybody: once, however many ask for it."""
    if response.streaming or response.status_code != 200 or len(response.content) < WORTHWHILE:  # noqa: PLR2004
        return
    if response.has_header("Content-Encoding") or not response.get("Content-Type", "").startswith(TEXTS):
        return
    patch_vary_headers(response, ("Accept-Encoding",))
    if takes_gzip(request):
        response.content = packed_once(response.content)
        response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(response.content))
        etag = response.get("ETag", "")
        if etag.startswith('"'):
            # Other bytes than those that the strong one names.
            response["ETag"] = f"W/{etag}"


def packed_once(body: bytes) -> bytes:
    key = blake2b(body, digest_size=16).digest()
    return _packed.get_or_build(key, lambda: (gzip.compress(body, LEVEL, mtime=0), KEPT_SECONDS))


class CompressionMiddleware(GZipMiddleware):
    """Middleware: pages by Django's own, with its random lengths; what is public once a version."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress what is long enough, and no streams: they are files that lie there, or begin at once."""
        if not isinstance(response, HttpResponse) or len(response.content) < WORTHWHILE:
            return response
        if "public" in response.get("Cache-Control", ""):
            pack_public(request, response)
            return response
        if request.path.startswith(ACCOUNT_PAGES) or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
