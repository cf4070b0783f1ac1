"""A fan's own token."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import require_no_fields
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import View, answer
from concert_site.lib.errors import NotFound
from concert_site.lib.tasks import enqueue_soon
from queueing.api.serializers import TokenOut, token_out
from queueing.domain import line, snapshots
from queueing.domain.errors import QueueTokenInactive
from queueing.facts import SaleFacts, TokenView
from queueing.queries import own_token


class OwnToken(View):
    """A token, as it stands in its line."""

    def read_facts(self, schedule_id: int) -> SaleFacts | None:
        """The facts of a sale; given by whoever routes here, as `as_view(read_facts=...)`."""
        raise NotImplementedError

    def answer(self, token: TokenView) -> HttpResponse:
        """The token, seen in its line."""
        seen = snapshots.current(token.schedule_id, self.read_facts)
        if seen is None:
            raise NotFound
        return answer(token_out(token, seen))


class QueueToken(OwnToken):
    """GET: look. DELETE: leave the line."""

    @extend_schema(summary="My place in line", responses=TokenOut)
    def get(self, request: Request, token: UUID) -> HttpResponse:
        return self.answer(own_token(token, user_id=caller_id(request)))

    @extend_schema(summary="Leave the line", responses={200: TokenOut})
    def delete(self, request: Request, token: UUID) -> HttpResponse:
        require_no_fields(request)
        view, has_freed_a_slot = line.leave(user_id=caller_id(request), token=token)
        if has_freed_a_slot:
            # By its name: the waiting room doesn't know the sale that hands its slots on.
            enqueue_soon("reservations.tick_admission", schedule_id=view.schedule_id)
        return self.answer(view)


class Enter(OwnToken):
    """POST: come in, now that it is my turn."""

    @extend_schema(summary="Enter", request=None, responses=TokenOut)
    @refuses(QueueTokenInactive)
    def post(self, request: Request, token: UUID) -> HttpResponse:
        require_no_fields(request)
        return self.answer(line.enter(user_id=caller_id(request), token=token))
