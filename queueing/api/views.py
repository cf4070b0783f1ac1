"""A fan's own token."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import require_no_fields
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import View, answer
from concert_site.lib.tasks import enqueue_soon
from queueing.api.serializers import TokenOut, token_out
from queueing.domain import line, progress
from queueing.domain.errors import QueueTokenInactive
from queueing.queries import TokenView, own_token


def token_answer(token: TokenView) -> HttpResponse:
    """A token, as it stands in its line."""
    return answer(token_out(token, progress.line_of(token.schedule_id)))


class QueueToken(View):
    """GET: look. DELETE: leave the line."""

    @extend_schema(summary="My place in line", responses=TokenOut)
    def get(self, request: Request, token: UUID) -> HttpResponse:
        return token_answer(own_token(token, user_id=caller_id(request)))

    @extend_schema(summary="Leave the line", responses={200: TokenOut})
    def delete(self, request: Request, token: UUID) -> HttpResponse:
        require_no_fields(request)
        view, has_freed_a_slot = line.leave(user_id=caller_id(request), token=token)
        if has_freed_a_slot:
            # By its name: the waiting room doesn't know the sale that hands its slots on.
            enqueue_soon("reservations.tick_admission", schedule_id=view.schedule_id)
        return token_answer(view)


class Enter(View):
    """POST: come in, now that it is my turn."""

    @extend_schema(summary="Enter", request=None, responses=TokenOut)
    @refuses(QueueTokenInactive)
    def post(self, request: Request, token: UUID) -> HttpResponse:
        require_no_fields(request)
        return token_answer(line.enter(user_id=caller_id(request), token=token))
