"""The page of an object's history, which is plugged in from above (concert_site.trace.admin)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    Page = Callable[[Any, HttpRequest, str], HttpResponse]  # Any: the admin of the object

# Of two notes of one step one may fall into the next second.
AROUND = (timedelta(0), timedelta(seconds=1), timedelta(seconds=-1))

_pages: list[Page] = []


def use_history_page(page: Page) -> None:
    _pages[:] = [page]


def page_of(page_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse | None:  # Any: as above
    """The page; None if nothing is plugged in."""
    return _pages[0](page_admin, request, object_id) if _pages else None
