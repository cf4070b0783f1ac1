"""The hall of a schedule as a picture, the same for everybody."""

import gzip

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from django.views.decorators.http import require_safe

from concert_site.lib.cache import TTLCache
from concert_site.lib.web.conditional import conditional, takes_gzip
from reservations.halls.drawing import draw
from reservations.queries.sales import Sale, public_sale_of
from reservations.queries.seat_map import layout_of

# Raised when the drawing changes, so that no browser keeps the old one.
STYLE = 1
KEPT_SECONDS = 3600
LEVEL = 5
# An address that names the layout shows it for good; one that doesn't shows what there is.
FOR_EVER = "public, max-age=31536000, immutable"
LASTING = "public, max-age=3600, stale-while-revalidate=86400"

# Packed: a hall of 20,000 seats has some 100 kB.
_drawn: TTLCache[bytes] = TTLCache(most=50)


@require_safe
def hall_map(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The picture; `v` is the name of the layout that is meant."""
    sale = public_sale_of(pk)
    if sale is None:
        # No page: nobody reads it, and on the way of pictures (concert_site.front) there are none.
        return HttpResponseNotFound()
    name = sale.layout_name
    etag = f'W/"{STYLE}-{name}"'
    cache_control = FOR_EVER if request.GET.get("v") == name else LASTING
    headers = {"ETag": etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    return conditional(request, lambda: picture(sale, is_packed=takes_gzip(request)), headers=headers)


def picture(sale: Sale, *, is_packed: bool) -> HttpResponse:
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
