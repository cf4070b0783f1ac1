"""What stands before allauth's API."""

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from concert_site.accounts.devices import keep_in_cookie
from concert_site.lib.web.prefixes import ALLAUTH_API
from concert_site.lib.web.refusals import refuse

# A passkey's answer is five deep.
DEEPEST = 32


class JsonBodyMiddleware(MiddlewareMixin):
    """Middleware: a JSON body that no one should have to read is a 400 before allauth sees it.

    Python's json module, which allauth reads with, lets half a surrogate pair pass, which can't be written to a
    database or hashed, and gives up on a thousand nested lists, or fewer where the stack is deep already, with a
    RecursionError. Both would be a 500.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path.startswith(ALLAUTH_API) and request.body and not is_object(request.body):
            return refuse(request, 400, "parse_error", _("Invalid request"))
        return None


def is_object(body: bytes) -> bool:
    """Whether this is a JSON object, strictly, and no deeper than anything that is asked for here."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and is_flat(value, DEEPEST)


def is_flat(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(is_flat(each, levels - 1) for each in inner)


class DeviceTokenMiddleware(MiddlewareMixin):
    """Middleware: who has just logged in keeps a token of the device."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        keep_in_cookie(request, response)
        return response
