"""What stands before allauth's API."""

from collections.abc import Callable

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

PATH = "/_allauth/"


class ReadableBodies:
    """Middleware: a JSON body that no one should have to read is a 400 before allauth sees it.

    Python's json module, which allauth reads with, lets half a surrogate pair pass, which can't be written to a
    database or hashed, and gives up on a thousand nested lists with a RecursionError. Both would be a 500.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PATH) and request.body and not is_json(request.body):
            return HttpResponseBadRequest()
        return self.get_response(request)


def is_json(body: bytes) -> bool:
    """Whether this is JSON, strictly."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
