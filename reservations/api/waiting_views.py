"""The waiting room of a schedule: join it, watch it move."""

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import require_no_fields
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import View, answer
from concert_site.lib.errors import NotFound
from concert_site.lib.json import to_json
from concert_site.lib.web.conditional import conditional, etag_of, json_of
from queueing.api.serializers import ProgressOut, progress_out, token_out
from queueing.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from reservations.api.catalogue_views import LIVE, NOT_MODIFIED, PublicRead
from reservations.api.serializers import JoinOut
from reservations.domain import waiting_room


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
        joined = waiting_room.join(user_id=caller_id(request), schedule_id=pk)
        body = token_out(joined.token, waiting_room.snapshot_of(pk)) | {"seed_hash": joined.seed_hash}
        return answer(body, status=201 if joined.is_new else 200)


class PublicProgress(PublicRead):
    """GET: how the line moves, the same for everybody."""

    @extend_schema(summary="How the line moves", responses={200: ProgressOut, 304: NOT_MODIFIED}, auth=[])
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        seen = waiting_room.watched_snapshot(pk)
        if not seen.facts.is_public:
            raise NotFound
        body = to_json(progress_out(seen))
        return conditional(request, lambda: json_of(body), headers={"ETag": etag_of(body), "Cache-Control": LIVE})
