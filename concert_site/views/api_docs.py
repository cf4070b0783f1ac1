"""The API's description and the page that shows it."""

from functools import cache
from typing import Any

from django.utils.translation import override
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

KEPT = {"Cache-Control": "public, max-age=300"}

# What an answer is good for: of operation and status, the operations that it leads to, and what they take from it.
TOKEN = {"token": "$response.body#/token"}
HELD = {"id": "$response.body#/reservations/0/id"}
LINKS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("/api/v1/schedules/{id}/queue-tokens/", "201"): {
        "queue_tokens_retrieve": {"parameters": TOKEN},
        "queue_tokens_enter_create": {"parameters": TOKEN},
        "queue_tokens_destroy": {"parameters": TOKEN},
    },
    ("/api/v1/reservations/", "201"): {
        "payments_create": {"requestBody": {"reservations": ["$response.body#/reservations/0/id"]}},
        "reservations_retrieve": {"parameters": HELD},
        "reservations_extend_create": {"parameters": HELD},
        "reservations_cancel_create": {"parameters": HELD},
        "reservations_ticket_retrieve": {"parameters": HELD},
    },
    ("/api/v1/payments/", "201"): {
        "payments_retrieve": {"parameters": {"id": "$response.body#/payments/0/id"}},
        "reservations_ticket_retrieve": {"parameters": {"id": "$response.body#/payments/0/reservation"}},
        "reservations_cancel_create": {"parameters": {"id": "$response.body#/payments/0/reservation"}},
    },
}


def add_links(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Say which answer leads where: a hook of drf-spectacular. Any: OpenAPI."""
    for (path, status), links in LINKS.items():
        response = result["paths"][path]["post"]["responses"][status]
        response["links"] = {name: {"operationId": name} | link for name, link in links.items()}
    return result


@cache
def schema() -> dict[str, Any]:
    """The schema, made once a process: it takes a good part of a second and changes with the code alone.

    In English, whoever asks: a cache on the way keeps one for all. Any: OpenAPI, nested as it likes.
    """
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular doesn't say
    with override("en"):
        found: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # nor here
    return found


class Schema(SpectacularAPIView):
    """GET: OpenAPI 3, as YAML or JSON by Accept."""

    authentication_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return Response(schema(), headers=KEPT)


class Docs(SpectacularSwaggerSplitView):
    """GET: the page, and by `?script` the script that starts it. The rest are static files of ours.

    The policy of pages (CSP) lets no script and no style run that stands inside of one.
    """

    url_name = "api:schema"
    # What else is asked for has no template.
    http_method_names = ["get", "head"]
    authentication_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """The same for everybody."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]  # nor here
        response["Cache-Control"] = KEPT["Cache-Control"]
        return response
