"""The hall of a schedule as a picture, and as what the seat page draws it of: both the same for everybody."""

import gzip
from collections.abc import Callable

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from django.views.decorators.http import require_safe

from concert_site.lib.cache import TTLCache
from concert_site.lib.cache_control import FOR_EVER, LASTING
from concert_site.lib.json import to_json
from concert_site.lib.web.conditional import conditional, unpacked_for
from reservations.halls.columns import hall_columns
from reservations.halls.drawing import draw
from reservations.queries.sales import Sale, public_sale_of
from reservations.queries.seat_map import layout_of

# Raised when the drawing or the columns change, so that no browser keeps the old ones.
STYLE = 2
KEPT_SECONDS = 3600
LEVEL = 5

# Packed: a hall of 20,000 seats has some 100 kB.
_drawn: TTLCache[bytes] = TTLCache(most=50)
_columns: TTLCache[bytes] = TTLCache(most=50)


@require_safe
def hall_map(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The picture; `v` is the name of the layout that is meant."""
    return lasting(request, pk, "image/svg+xml", _drawn, drawing_of)


@require_safe
def hall_seats(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The seats and what is around them as columns of JSON (reservations.halls.columns); `v` as above."""
    return lasting(request, pk, "application/json", _columns, columns_of)


def lasting(
    request: HttpRequest, pk: int, content_type: str, kept: TTLCache[bytes], make: Callable[[Sale], bytes]
) -> HttpResponseBase:
    """What a layout looks like, made once and to be kept for as long as it stays."""
    sale = public_sale_of(pk)
    if sale is None:
        # No page: nobody reads it, and on the way of pictures (concert_site.front) there are none.
        return HttpResponseNotFound()

    def build() -> HttpResponse:
        key = STYLE, sale.layout_name
        packed = kept.get_or_build(key, lambda: (gzip.compress(make(sale), LEVEL, mtime=0), KEPT_SECONDS))
        return unpacked_for(request, packed, content_type)

    # An address that names the layout shows it for good; one that doesn't shows what there is.
    cache_control = FOR_EVER if request.GET.get("v") == sale.layout_name else LASTING
    etag = f'W/"{STYLE}-{sale.layout_name}"'
    return conditional(
        request, build, headers={"ETag": etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    )


def columns_of(sale: Sale) -> bytes:
    """The columns of a schedule, from the map that the API gives."""
    return to_json(hall_columns(orjson.loads(layout_of(sale))))


def drawing_of(sale: Sale) -> bytes:
    """The picture of a schedule, from the map that the API gives. It has no words of its own: pages say what it is."""
    plan = orjson.loads(layout_of(sale))
    dots = [(seat["x"], seat["y"], seat["category"]) for seat in plan["seats"]]
    return draw(plan["layout"], dots, "").encode()
