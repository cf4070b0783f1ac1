"""The hall of a schedule as a picture, and as what the seat page draws it of: both the same for everybody."""

import gzip
from collections.abc import Callable

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from django.views.decorators.http import require_safe

from concert_site.lib.cache import TTLCache
from concert_site.lib.json import to_json
from concert_site.lib.web.conditional import conditional, json_of, takes_gzip
from reservations.halls.columns import hall_columns
from reservations.halls.drawing import draw
from reservations.queries.sales import Sale, public_sale_of
from reservations.queries.seat_map import layout_of

# Raised when the drawing or the columns change, so that no browser keeps the old ones.
STYLE = 2
KEPT_SECONDS = 3600
LEVEL = 5
# An address that names the layout shows it for good; one that doesn't shows what there is.
FOR_EVER = "public, max-age=31536000, immutable"
LASTING = "public, max-age=3600, stale-while-revalidate=86400"

# Packed: a hall of 20,000 seats has some 100 kB.
_drawn: TTLCache[bytes] = TTLCache(most=50)
_columns: TTLCache[bytes] = TTLCache(most=50)


@require_safe
def hall_map(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The picture; `v` is the name of the layout that is meant."""
    return lasting(request, pk, picture)


@require_safe
def hall_seats(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The seats and what is around them as columns of JSON (reservations.halls.columns); `v` as above."""
    return lasting(request, pk, seats)


def lasting(request: HttpRequest, pk: int, build: Callable[[Sale, bool], HttpResponse]) -> HttpResponseBase:
    """What a layout looks like, to be kept for as long as it stays."""
    sale = public_sale_of(pk)
    if sale is None:
        # No page: nobody reads it, and on the way of pictures (concert_site.front) there are none.
        return HttpResponseNotFound()
    name = sale.layout_name
    etag = f'W/"{STYLE}-{name}"'
    cache_control = FOR_EVER if request.GET.get("v") == name else LASTING
    headers = {"ETag": etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    return conditional(request, lambda: build(sale, takes_gzip(request)), headers=headers)


def seats(sale: Sale, is_packed: bool) -> HttpResponse:
    """The columns, made once a layout."""
    key = STYLE, sale.layout_name
    packed = _columns.get_or_build(key, lambda: (gzip.compress(columns_of(sale), LEVEL, mtime=0), KEPT_SECONDS))
    response = json_of(packed if is_packed else gzip.decompress(packed))
    if is_packed:
        response["Content-Encoding"] = "gzip"
    return response


def columns_of(sale: Sale) -> bytes:
    """The columns of a schedule, from the map that the API gives."""
    return to_json(hall_columns(orjson.loads(layout_of(sale))))


def picture(sale: Sale, is_packed: bool) -> HttpResponse:
    """The drawing, made once a layout."""
    key = STYLE, sale.layout_name
    packed = _drawn.get_or_build(key, lambda: (gzip.compress(drawing_of(sale), LEVEL, mtime=0), KEPT_SECONDS))
    if is_packed:
        return HttpResponse(packed, content_type="image/svg+xml", headers={"Content-Encoding": "gzip"})
    return HttpResponse(gzip.decompress(packed), content_type="image/svg+xml")


def drawing_of(sale: Sale) -> bytes:
    """The picture of a schedule, from the map that the API gives. It has no words of its own: pages say what it is."""
    plan = orjson.loads(layout_of(sale))
    dots = [(seat["x"], seat["y"], seat["category"]) for seat in plan["seats"]]
    return draw(plan["layout"], dots, "").encode()
