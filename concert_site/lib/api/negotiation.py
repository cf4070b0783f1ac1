"""Which renderer answers."""

from collections.abc import Iterable, Sequence

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JsonOnly(DefaultContentNegotiation):
    """Where a view has one renderer, it answers, whatever Accept says: looking costs as much as the routing."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser of the body's type; None if there is none."""
        found = next((each for each in parsers if each.media_type == request.content_type), None)
        return found or super().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The view's only renderer, or the one that suits best; and its media type."""
        offered = list(renderers)
        if len(offered) == 1:
            return offered[0], str(offered[0].media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, offered, format_suffix)
        return chosen


def preferred_type(request: Request, offered: Sequence[str]) -> str:
    """The media type that Accept likes best, the first one offered where it says nothing.

    For views that answer something else than JSON: what they refuse stays JSON, and DRF's own choice takes no
    notice of `q`.

    :raises NotAcceptable: if none of them will do
    """
    if not request.META.get("HTTP_ACCEPT", "").strip():
        return offered[0]
    # Django's request, whose look at Accept honours `q`; DRF's has the same name for something else.
    found = request._request.get_preferred_type(offered)  # noqa: SLF001  DRF documents it
    if found is None:
        raise NotAcceptable
    return str(found)
