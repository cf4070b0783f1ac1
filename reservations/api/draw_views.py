"""The draw of a line, for whoever wants to recompute it."""

from collections.abc import Iterator
from threading import BoundedSemaphore

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from concert_site.lib.errors import NotFound, Unavailable
from concert_site.lib.web.conditional import conditional
from queueing.domain import draw
from reservations.api.catalogue_views import NOT_MODIFIED, PublicRead, sale_or_404
from reservations.queries.sales import Sale

TEXT = "text/plain"
# What was drawn stays so.
LASTING = "public, max-age=86400"
# Lists that are read from the database at once in a process. Where bodies aren't written to a file first
# (concert_site.wsgi under another server), each keeps a thread for as long as its reader takes.
MOST_LISTS = 2

lists = BoundedSemaphore(MOST_LISTS)


class DrawList:
    """The seed and the list, a piece at a time. The web server closes it, also when the reader has gone away."""

    def __init__(self, seed: str, entries: Iterator[bytes]) -> None:
        if not lists.acquire(blocking=False):
            raise Unavailable
        self._is_open = True
        self._head = f"seed,{seed}\n".encode()
        self._entries = entries

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._entries

    def close(self) -> None:
        """Make room for the next reader."""
        if self._is_open:
            self._is_open = False
            lists.release()


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
        return conditional(request, lambda: drawn(request, sale), headers=headers)


def drawn(request: Request, sale: Sale) -> StreamingHttpResponse:
    """The list, streamed."""
    entries = draw.entries(sale.schedule_id, opens_at=sale.reservation_available_at)
    # Some web servers read the whole body of an answer, also where they send the head alone.
    body = DrawList(sale.seed or "", entries) if request.method == "GET" else ()
    return StreamingHttpResponse(body, content_type=f"{TEXT}; charset=utf-8")
