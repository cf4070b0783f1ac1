"""The waiting room of a schedule: join it, watch it move."""

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import require_no_fields
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import View, answer
from concert_site.lib.json import to_json
from concert_site.lib.web.conditional import conditional, etag_of, json_of
from queueing.api.serializers import token_out
from queueing.domain import progress
from queueing.domain.pace import POLL
from reservations.api.catalogue_views import LIVE, NOT_MODIFIED
from reservations.api.serializers import JoinOut
from reservations.domain import waiting_room
from reservations.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from reservations.domain.public_progress import DRAWING, PAUSED, Progress
from reservations.queries.sales import SaleState

STATES = [*(state.value for state in SaleState), DRAWING, PAUSED]


class DrawOut(serializers.Serializer[object]):
    """The draw of the line's order; all but the seed's hash is null until it is made.

    `entries_hash` and `size` of a large draw follow its seed by seconds.
    """

    seed_hash = serializers.CharField()
    seed = serializers.CharField(allow_null=True)
    entries_hash = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)


class PollOut(serializers.Serializer[object]):
    """From `ahead` people on, ask every `seconds`, spread by up to a fifth."""

    ahead = serializers.IntegerField()
    seconds = serializers.IntegerField()


class ProgressOut(serializers.Serializer[object]):
    """How the line moves. A fan is at most `number - serving` from the front."""

    state = serializers.ChoiceField(choices=STATES)
    serving = serializers.IntegerField()
    last_number = serializers.IntegerField()
    waiting = serializers.IntegerField()
    numbers_per_minute = serializers.FloatField(allow_null=True)
    seats_left = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    draw = DrawOut()
    poll = PollOut(many=True)


def progress_out(seen: Progress) -> dict[str, object]:
    """The progress as ProgressOut describes it."""
    return {
        "state": seen.state,
        "serving": seen.line.serving,
        "last_number": seen.line.last_number,
        "waiting": seen.line.waiting,
        "numbers_per_minute": seen.line.numbers_per_minute if seen.state == SaleState.OPEN else None,
        "seats_left": seen.seats_left,
        "message": seen.sale.queue_message,
        "draw": {
            "seed_hash": seen.sale.seed_hash,
            "seed": seen.sale.seed,
            "entries_hash": seen.record.entries_hash if seen.record else None,
            "size": seen.record.size if seen.record else None,
        },
        "poll": [{"ahead": ahead, "seconds": seconds} for ahead, seconds in POLL],
    }


class Join(View):
    """POST: join the line of a schedule."""

    permission_classes = [IsAuthenticated, HasVerifiedAddress]
    throttle_scope = "join"

    @extend_schema(
        summary="Join the line",
        request=None,
        responses={
            201: OpenApiResponse(JoinOut, description="A new place."),
            200: OpenApiResponse(JoinOut, description="The place that the caller has already."),
        },
    )
    @refuses(SaleNotOpen, SaleClosed, SoldOut)
    def post(self, request: Request, pk: int) -> HttpResponse:
        require_no_fields(request)
        place = waiting_room.join(user_id=caller_id(request), schedule_id=pk)
        body = token_out(place.token, progress.line_of(pk)) | {"seed_hash": place.seed_hash}
        return answer(body, status=201 if place.is_new else 200)


class PublicProgress(View):
    """GET: how the line moves, the same for everybody."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(summary="How the line moves", responses={200: ProgressOut, 304: NOT_MODIFIED}, auth=[])
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        body = to_json(progress_out(waiting_room.watched_progress(pk)))
        return conditional(request, lambda: json_of(body), headers={"ETag": etag_of(body), "Cache-Control": LIVE})
