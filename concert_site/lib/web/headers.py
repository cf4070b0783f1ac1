"""What every answer tells a browser about what it may do with it, whoever gives the answer."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from concert_site.lib.web import prefixes

SELF, NONE, INLINE = "'self'", "'none'", "'unsafe-inline'"
FRAME = {"object-src": [NONE], "base-uri": [NONE], "frame-ancestors": [NONE], "form-action": [SELF]}

# Pages: a login by another account leads away by a form.
PAGE = FRAME | {
    "default-src": [SELF],
    "img-src": [SELF, "data:", *settings.POSTER_HOSTS],
    "form-action": [SELF, *(settings.LOGIN_HOSTS[provider] for provider in settings.SOCIALACCOUNT_PROVIDERS)],
}
# Of what a page of ours is no part: data, pictures, probes. Opened by itself it runs nothing and loads nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox; style-src 'unsafe-inline'"
# Scripts and styles: a worker is held to the policy of its own file.
FILES = FRAME | {"default-src": [SELF], "style-src": [SELF, INLINE]}
# The admin's Alpine evaluates the expressions in its templates, and its theme is a style inside the page.
ADMIN = FRAME | {
    "default-src": [SELF],
    "script-src": [SELF, "'unsafe-eval'"],
    "style-src": [SELF, INLINE],
    "img-src": [SELF, "data:", "blob:", *settings.POSTER_HOSTS],
}

DATA_PREFIXES = (prefixes.API, prefixes.ALLAUTH_API, "/healthz", "/readyz")
DOCS = f"{prefixes.API_V1}docs/"

# What pages don't use, nobody may use in their name. Passkeys are for our own pages.
PERMISSIONS_POLICY = ", ".join(
    [
        *(
            f"{feature}=()"
            for feature in (
                *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
                *("idle-detection", "magnetometer", "microphone", "midi", "payment", "serial", "usb"),
                "xr-spatial-tracking",
            )
        ),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)
# The same for every answer.
CONSTANT = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def policy(*parts: Mapping[str, Sequence[str]]) -> str:
    """Content-Security-Policy of these directives; what several of the parts allow is allowed together."""
    allowed: dict[str, list[str]] = {}
    for directive, sources in chain.from_iterable(part.items() for part in parts):
        allowed[directive] = list(dict.fromkeys([*allowed.get(directive, ()), *sources]))
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in sorted(allowed.items()))


# By kind of answer.
POLICIES = {"page": policy(PAGE), "admin": policy(ADMIN), "file": policy(FILES), "data": DATA_POLICY}


def kind_of(path: str, content_type: str = "") -> str:
    """What lies at an address. A 304 has no type, so the address alone decides wherever it can."""
    if path.startswith(prefixes.ADMIN):
        return "admin"
    if path == DOCS or content_type.startswith("text/html"):
        return "page"
    if path.startswith(settings.STATIC_URL):
        return "file"
    is_data = path.startswith((*DATA_PREFIXES, settings.MEDIA_URL)) or path.endswith((".svg", ".json"))
    return "data" if is_data else "page"


def security_headers(path: str, *, is_secure: bool) -> dict[str, str]:
    """The headers of an answer, to be added where it has none of the name. 304s have them as well.

    `is_secure`: whether it was asked for by https, where HSTS belongs.
    """
    return headers_of_kind(kind_of(path), hsts=settings.SECURE_HSTS_SECONDS if is_secure else 0)


def headers_of_kind(kind: str, *, hsts: int) -> dict[str, str]:
    """The headers of a kind of answers; `hsts`: seconds of HSTS, 0 for none."""
    headers = CONSTANT | {"Content-Security-Policy": POLICIES[kind]}
    return headers | {"Strict-Transport-Security": f"max-age={hsts}"} if hsts else headers


@cache
def ready_headers(kind: str, is_secure: bool, hsts: int) -> list[tuple[str, tuple[str, str]]]:
    """The same as Django keeps them: by lower-case name, name and value."""
    headers = headers_of_kind(kind, hsts=hsts if is_secure else 0)
    return [(name.lower(), (name, value)) for name, value in headers.items()]


def widen_policy(response: HttpResponse, sources: Mapping[str, Sequence[str]]) -> HttpResponse:
    """Let one page load what others may not: a widget of a third party, which may open windows and be paid by.

    :param sources: directives of Content-Security-Policy, and what they allow besides the site itself
    """
    widened = {directive: [SELF, *allowed] for directive, allowed in sources.items()}
    response["Content-Security-Policy"] = policy(PAGE, widened)
    response["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    response["Permissions-Policy"] = PERMISSIONS_POLICY.replace("payment=()", "payment=*")
    return response


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as a policy names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# Their names in lower case, as the web server has them; a 304 repeats them, for the browser keeps what it says.
NAMES = frozenset(name.lower() for name in (*CONSTANT, "Content-Security-Policy", "Strict-Transport-Security"))


def stored_headers(response: HttpResponseBase) -> dict[str, tuple[str, str]]:
    """Django's own dict of an answer's headers: by lower-case name, name and value.

    For headers of ours, which are ASCII: by its methods each would be encoded each time.
    """
    stored: dict[str, tuple[str, str]] = response.headers._store  # noqa: SLF001
    return stored


class SecurityHeadersMiddleware:
    """Middleware, the first of all: no answer leaves without them, errors and files included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A 304 says text/html, unless somebody thought of taking that off.
        content_type = "" if response.status_code == 304 else response.get("Content-Type", "")  # noqa: PLR2004
        kind = kind_of(request.path, content_type)
        stored = stored_headers(response)
        for name, header in ready_headers(kind, request.is_secure(), settings.SECURE_HSTS_SECONDS):
            stored.setdefault(name, header)
        return response
