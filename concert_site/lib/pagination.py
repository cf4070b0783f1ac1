"""Pages of lists."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

from concert_site.lib.converters import id_in

PAGE_SIZE = 20
MOST = 100


def page_of(items: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page; DRF's own says in the way of OpenAPI 3.0 what may be null. Any: OpenAPI."""
    link = {"type": ["string", "null"], "format": "uri", "description": "Null at the end of the list."}
    properties = {**more, "next": link, "previous": link, "results": items}
    return {"type": "object", "required": list(properties), "properties": properties}


class NewestFirst(CursorPagination):
    """What a caller owns, newest first: rows that are added meanwhile shift no page."""

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MOST
    invalid_cursor_message = _("There is no such page.")  # type: ignore[assignment]  # DRF takes lazy texts

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The shape of a page of these."""
        return page_of(schema)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Where the page starts.

        A cursor holds the id of its neighbour. DRF filters by whatever text stands there, which an
        invented cursor could turn into an error of ours.
        :raises NotFound: if the cursor was not made here
        """
        cursor = super().decode_cursor(request)
        if cursor and cursor.position is not None and id_in(str(cursor.position)) is None:
            raise NotFound(self.invalid_cursor_message)
        return cursor


class Numbered(PageNumberPagination):
    """A catalogue: `count`, `next`, `previous`, `results`."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MOST

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The shape of a page of these."""
        return page_of(schema, count={"type": "integer", "minimum": 0})
