"""Pages of lists."""

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

from concert_site.lib.converters import id_in

PAGE_SIZE = 20
MOST = 100


class NewestFirst(CursorPagination):
    """What a caller owns, newest first: rows that are added meanwhile shift no page."""

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MOST
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


class Numbered(PageNumberPagination):
    """A catalogue: `count`, `next`, `previous`, `results`."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MOST
