"""Views of the API: DRF's own, less what it makes anew for each request though it is always the same."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from rest_framework.generics import ListAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from concert_site.lib.api.pagination import NewestFirst
from concert_site.lib.json import to_json
from concert_site.lib.web.headers import stored_headers

T = TypeVar("T")
M = TypeVar("M", bound=Model)


# One instance of each policy: none of ours, and none of DRF's that we use, keeps anything of a request.
_policies: dict[object, Any] = {}  # Any: each of its own class
_allowed: dict[object, str] = {}


def shared(policy: type[T] | Callable[[], T]) -> T:
    found: T | None = _policies.get(policy)
    if found is None:
        found = _policies[policy] = policy()
    return found


def allowed_by(view: type[APIView]) -> str:
    """What the header Allow says of a view; Django answers HEAD wherever there is GET."""
    if view not in _allowed:
        names = [name for name in view.http_method_names if hasattr(view, "get" if name == "head" else name)]
        _allowed[view] = ", ".join(names).upper()
    return _allowed[view]


class Answer(HttpResponse):
    """JSON, whole from the beginning."""

    def close(self) -> None:
        """End the request. Django's signal of that finds nothing to do: a broken connection goes before the next."""
        for close in self._resource_closers:  # type: ignore[attr-defined]  # not in the stubs
            close()
        self.closed = True


def answer(data: object, status: int = 200) -> HttpResponse:
    return Answer(to_json(data), status=status, content_type="application/json")


class View(APIView):
    """DRF's view with policies that all requests share; it describes, checks and refuses as DRF does."""

    def get_renderers(self) -> list[Any]:  # Any: as in DRF's stubs, here and below
        return [shared(each) for each in self.renderer_classes]

    def get_parsers(self) -> list[Any]:
        return [shared(each) for each in self.parser_classes]

    def get_authenticators(self) -> list[Any]:
        return [shared(each) for each in self.authentication_classes]

    def get_permissions(self) -> list[Any]:
        return [shared(each) for each in self.permission_classes]

    def get_throttles(self) -> list[Any]:
        return [shared(each) for each in self.throttle_classes]

    def get_content_negotiator(self) -> BaseContentNegotiation:
        return shared(self.content_negotiation_class)

    def get_parser_context(self, http_request: HttpRequest) -> dict[str, Any]:
        """Nothing: our parsers look at the body alone."""
        return {}

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Allow; and Vary, where there is a choice."""
        allow = {"Allow": allowed_by(type(self))}
        return allow if len(self.renderer_classes) == 1 else allow | {"Vary": "Accept"}

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """What comes before the method: who asks, whether they may, and how often. No versions, no suffixes."""
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self.check_permissions(request)
        self.check_throttles(request)

    def finalize_response(self, request: Request, response: Any, *args: object, **kwargs: object) -> Any:
        """The answer with the view's headers."""  # Any: DRF's own class, or Django's
        if type(response) is not Answer or len(self.headers) > 1:
            return super().finalize_response(request, response, *args, **kwargs)
        stored_headers(response)["allow"] = ("Allow", self.headers["Allow"])
        return response


class ListView(View, ListAPIView[M]):
    """A view of a list, page by page, newest first. A POST, if it takes one, counts in `write_scope`."""

    pagination_class = NewestFirst
    write_scope: str | None = None

    @property
    def throttle_scope(self) -> str | None:
        return self.write_scope if self.request.method == "POST" else None
