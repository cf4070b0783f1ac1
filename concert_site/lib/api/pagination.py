"""Pages of lists."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

from concert_site.lib.web.converters import LONGEST_ID, id_in

PAGE_SIZE = 20
MOST = 100
SIZE = "page_size"


def page_of(items: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page; DRF's own says in the way of OpenAPI 3.0 what may be null. Any: OpenAPI."""
    link = {"type": ["string", "null"], "format": "uri", "description": "Null at the end of the list."}
    properties = {**more, "next": link, "previous": link, "results": items}
    return {"type": "object", "required": list(properties), "properties": properties}


def size_in(request: Request) -> int:
    """How many rows a page shall have: PAGE_SIZE unless the query says otherwise, and MOST where it asks for more.

    :raises ValidationError: if it says something else than a number from 1 on
    """
    asked = request.query_params.get(SIZE)
    if asked is None:
        return PAGE_SIZE
    size = id_in(asked)
    if not size:
        raise ValidationError({SIZE: [ErrorDetail(str(_("Send a whole number from 1 on.")), "invalid")]})
    return min(size, MOST)


def described(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parameters of a list, with what the size of a page may be. Any: OpenAPI."""
    for each in parameters:
        if each["name"] == SIZE:
            each["schema"] = {"type": "integer", "minimum": 1, "maximum": 10**LONGEST_ID - 1, "default": PAGE_SIZE}
            each["description"] = f"At most {MOST} rows come, whatever is asked for."
    return parameters


class NewestFirst(CursorPagination):
    """What a caller owns, newest first: rows that are added meanwhile shift no page."""

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = SIZE
    max_page_size = MOST
    invalid_cursor_message = _("There is no such page.")  # type: ignore[assignment]  # DRF takes lazy texts

    def get_page_size(self, request: Request) -> int:
        """How many rows a page has.

        :raises ValidationError: if the query asks for something else than a number from 1 on
        """
        return size_in(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """What the query may say."""
        return described(super().get_schema_operation_parameters(view))

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
    page_size_query_param = SIZE
    max_page_size = MOST

    def get_page_size(self, request: Request) -> int:
        """How many rows a page has.

        :raises ValidationError: if the query asks for something else than a number from 1 on
        """
        return size_in(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """What the query may say."""
        return described(super().get_schema_operation_parameters(view))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The shape of a page of these."""
        return page_of(schema, count={"type": "integer", "minimum": 0})
