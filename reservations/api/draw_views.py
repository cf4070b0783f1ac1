"""The draw of a line, for whoever wants to recompute it."""

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from concert_site.lib.errors import NotFound
from concert_site.lib.web.conditional import conditional
from queueing.api.draw_list import DrawList
from reservations.api.catalogue_views import NOT_MODIFIED, PublicRead, sale_or_404
from reservations.queries.sales import Sale

TEXT = "text/plain"
# What was drawn stays so.
LASTING = "public, max-age=86400"


class Draw(PublicRead):
    """GET: the seed of the draw, and every entry with the number that it drew."""

    @extend_schema(
        summary="The draw, to be recomputed",
        description="The first line is `seed,` and the seed in hex; each further line is `number,entry`, by number. An "
        "entry is the SHA-256 of a token's text, in hex. The numbers follow the SHA-256 of `seed:entry`, in hex, "
        "ascending. `queue/` has the SHA-256 of all lines but the first (`entries_hash`) and their count (`size`). "
        "404 until the draw is over.",
        responses={
            (200, TEXT): OpenApiResponse(OpenApiTypes.STR, description="The list, streamed."),
            304: NOT_MODIFIED,
        },
        auth=[],
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        sale = sale_or_404(pk)
        if sale.seed is None:
            raise NotFound
        # One seed, one draw, one list.
        headers = {"ETag": f'"{sale.seed_hash}"', "Cache-Control": LASTING, "X-Content-Type-Options": "nosniff"}
        return conditional(request, lambda: streamed(request, sale), headers=headers)


def streamed(request: Request, sale: Sale) -> StreamingHttpResponse:
    """The list; of HEAD nothing, since some web servers read the whole body of an answer there, too."""
    is_read = request.method == "GET"
    body = DrawList(sale.schedule_id, seed=sale.seed or "", opens_at=sale.opens_at) if is_read else ()
    return StreamingHttpResponse(body, content_type=f"{TEXT}; charset=utf-8")
