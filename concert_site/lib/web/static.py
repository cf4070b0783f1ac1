"""Static files under addresses that say which version is meant, without a step that collects or renames them."""

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

FOR_EVER = "public, max-age=31536000, immutable"


@cache
def version_of(name: str) -> str | None:
    """What is in the file, in a few letters; None if there is no such file. Read once a process."""
    found = finders.find(name)
    return blake2b(Path(found).read_bytes(), digest_size=6).hexdigest() if found else None


class Versioned(StaticFilesStorage):
    """Addresses as /static/css/frontrow.css?v=1f2e3d4c5b6a."""

    def url(self, name: str | None) -> str:
        """The address of a file, with its version."""
        plain = super().url(name)
        version = version_of(name) if name else None
        return f"{plain}?v={version}" if version else plain


class LastingFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise comes without types
    """whitenoise, but what is asked for by its version may be kept for good.

    A file that is asked for plainly (a module by another one, a font by a style sheet), or by the version of
    another release while servers change over, is good for whitenoise's minute.
    """

    def serve(self, static_file: Any, request: HttpRequest) -> HttpResponseBase:  # Any: whitenoise comes without types
        """The file, with how long it may be kept."""
        response: HttpResponseBase = super().serve(static_file, request)
        asked = request.GET.get("v")
        if asked and asked == version_of(request.path_info.removeprefix(settings.STATIC_URL)):
            response["Cache-Control"] = FOR_EVER
        return response
