"""What browsers keep for when there is no network: the worker that does so, and the page that says it."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from concert_site.lib.json import to_json

SOURCE = Path(settings.BASE_DIR) / "static/js/service_worker.js"
# What the page needs to look and work as it does, beside the two forms of it.
FILES = ("css/frontrow.css", "js/offline.js", "img/favicon.svg")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, at the top so that it may answer for every page. Browsers look for a new one themselves."""
    return HttpResponse(worker_script(), content_type="text/javascript", headers={"Cache-Control": "public, no-cache"})


@cache
def worker_script() -> bytes:
    """Its source, after what it is told: the files it keeps, and a version that changes with any of them."""
    files = [reverse("offline"), reverse("offline_sent"), *map(static, FILES)]
    source = SOURCE.read_bytes()
    page = (settings.BASE_DIR / "templates/offline.html").read_bytes()
    version = blake2b(to_json(files) + source + page, digest_size=8).hexdigest()
    return b"const VERSION = %s, SHELL_FILES = %s;\n" % (to_json(version), to_json(files)) + source


@require_safe
def offline(request: HttpRequest, *, is_sent: bool = False) -> HttpResponse:
    """That there is no network; `is_sent`: to who has just sent a form. It is drawn without its reader."""
    return HttpResponse(render_to_string("offline.html", {"is_sent": is_sent}))
