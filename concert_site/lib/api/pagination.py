"""Pages of lists."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import BasePagination, Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

from concert_site.lib.web.converters import LONGEST_ID, id_in

PAGE_SIZE = 20
MOST = 100
SIZE = "page_size"


class SizedPages(BasePagination):
    """Pages whose size the query may say: PAGE_SIZE unless it does, and MOST where it asks for more."""

    # Any: the two kinds of pages in DRF's stubs differ in which of these may be None.
    page_size: Any = PAGE_SIZE
    page_size_query_param: Any = SIZE
    max_page_size: Any = MOST
    # What is said of the whole list beside its rows.
    more: dict[str, dict[str, Any]] = {}  # Any: OpenAPI

    def get_page_size(self, request: Request) -> int:
        """How many rows a page has.

        :raises ValidationError: if the query asks for something else than a number from 1 on
        """
        asked = request.query_params.get(SIZE)
        if asked is None:
            return PAGE_SIZE
        size = id_in(asked)
        if not size:
            raise ValidationError({SIZE: [ErrorDetail(str(_("Send a whole number from 1 on.")), "invalid")]})
        return min(size, MOST)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for each in parameters:
            if each["name"] == SIZE:
                each["schema"] = {"type": "integer", "minimum": 1, "maximum": 10**LONGEST_ID - 1, "default": PAGE_SIZE}
                each["description"] = f"At most {MOST} rows come, whatever is asked for."
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The shape of a page of these; DRF's own says in the way of OpenAPI 3.0 what may be null."""
        link = {"type": ["string", "null"], "format": "uri", "description": "Null at the end of the list."}
        properties = {**self.more, "next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}


class NewestFirst(SizedPages, CursorPagination):
    """What a caller owns, newest first: rows that are added meanwhile shift no page."""

    ordering = "-id"
    invalid_cursor_message = _("There is no such page.")  # type: ignore[assignment]  # DRF takes lazy texts

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


class Numbered(SizedPages, PageNumberPagination):
    """A catalogue: `count`, `next`, `previous`, `results`."""

    more = {"count": {"type": "integer", "minimum": 0}}

    def get_page_number(self, request: Request, paginator: Any) -> Any:  # Any: as in DRF's stubs
        """The page that is asked for. No number is none of the pages; DRF would take it for the first."""
        is_blank = request.query_params.get(self.page_query_param) == ""
        return "" if is_blank else super().get_page_number(request, paginator)
