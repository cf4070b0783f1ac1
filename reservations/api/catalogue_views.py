"""The public reads: anonymous, the same for everybody, and good for any cache on the way."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from concert_site.lib.api.openapi import refuses_fields_of
from concert_site.lib.api.pagination import Numbered
from concert_site.lib.api.views import View
from concert_site.lib.cache_control import LASTING
from concert_site.lib.database.replica import catalogue_from_replica
from concert_site.lib.errors import require_found
from concert_site.lib.web.conditional import conditional, json_of, takes_gzip, unpacked_for
from concert_site.lib.web.converters import id_in
from queueing.facts import SaleState
from reservations.api.catalogue_serializers import (
    AvailabilityChangesOut,
    AvailabilityOut,
    CatalogueQuery,
    ConcertOut,
    ScheduleOut,
    SeatsOut,
)
from reservations.models import Concert
from reservations.queries import concerts
from reservations.queries.availability import availability_of
from reservations.queries.sales import Sale, public_sale_of, public_schedule
from reservations.queries.seat_changes import changes_since
from reservations.queries.seat_map import layout_of, packed_layout_of

LIVE = "public, max-age=1"
LISTED = "public, max-age=5"
# Asked twice a second by each fan who chooses: a browser keeps no copy, a cache on the way may.
CHANGING = "public, max-age=0, s-maxage=1"

NOT_MODIFIED = OpenApiResponse(description="Nothing has changed since the version in If-None-Match.")


class PublicRead(View):
    """No account is looked for, so no answer depends on one.

    No throttle either: a whole phone network may come from one address, and the answers are remembered.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []


def sale_or_404(schedule_id: int) -> Sale:
    """The facts of a schedule that the public may see.

    :raises NotFound: if there is none
    """
    return require_found(public_sale_of(schedule_id))


def filtered_concerts(given: Mapping[str, Any]) -> QuerySet[Concert]:
    """The concerts that fit the valid filters of a request (Any: each of its own type)."""
    state = given.get("sale_state")
    venue: str = given.get("venue", "")
    venue_id = id_in(venue)
    filters = concerts.Filters(
        search=given.get("search", ""),
        on=given.get("date"),
        since=given.get("date_from"),
        until=given.get("date_to"),
        state=SaleState(state) if state else None,
        genre=given.get("genre", ""),
        venue_id=venue_id,
        venue="" if venue_id is not None else venue,
    )
    return concerts.by_next_date(concerts.search_concerts(filters))


class Concerts(GenericAPIView[Concert]):
    """GET: the concerts that are open to the public."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_scope = "search"
    pagination_class = Numbered

    @extend_schema(
        operation_id="concerts_list", filters=True, parameters=[CatalogueQuery], responses=ConcertOut(many=True)
    )
    @refuses_fields_of(CatalogueQuery)
    @catalogue_from_replica
    def get(self, request: Request) -> Response:
        """The concerts with their schedules, those that play next first."""
        # As plain values: of a form's, an empty one would count as none.
        query = CatalogueQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        page = self.paginate_queryset(filtered_concerts(query.validated_data)) or []
        response = self.get_paginated_response(ConcertOut(concerts.public_concerts(page), many=True).data)
        response["Cache-Control"] = LISTED
        return response


class ConcertDetail(PublicRead):
    """GET: one concert."""

    @extend_schema(responses=ConcertOut)
    @catalogue_from_replica
    def get(self, request: Request, pk: int) -> Response:
        """A concert with its schedules."""
        concert = require_found(concerts.public_concert(pk))
        return Response(ConcertOut(concert).data, headers={"Cache-Control": LIVE})


class Schedule(PublicRead):
    """GET: one schedule."""

    @extend_schema(responses=ScheduleOut)
    def get(self, request: Request, pk: int) -> Response:
        """A date: its times, prices, what is left, and where its sale stands."""
        schedule = require_found(public_schedule(pk))
        return Response(ScheduleOut(schedule).data, headers={"Cache-Control": LIVE})


class Seats(PublicRead):
    """GET: the map of a schedule."""

    @extend_schema(responses={200: SeatsOut, 304: NOT_MODIFIED})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """What a sale doesn't change, to be kept for long.

        When availability/ names another `layout_version` than the map you have, ask for it again with
        `?v=<layout_version>`, so that no cache on the way answers with the old one.
        """
        sale = sale_or_404(pk)
        headers = {"ETag": f'W/"{sale.layout_name}"', "Cache-Control": LASTING, "Vary": "Accept-Encoding"}

        def build() -> HttpResponse:
            # Both are made once a layout: unpacking it for each who asks would cost as much as sending it.
            if takes_gzip(request):
                return unpacked_for(request, packed_layout_of(sale), "application/json")
            return json_of(layout_of(sale))

        return conditional(request, build, headers=headers)


class SeatAvailability(PublicRead):
    """GET: the live state of every seat of a schedule."""

    @extend_schema(responses={200: AvailabilityOut, 304: NOT_MODIFIED})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Which seats can be had, at most a second old."""
        availability = availability_of(sale_or_404(pk).schedule_id)
        return conditional(
            request,
            lambda: json_of(availability.body),
            headers={"ETag": availability.etag, "Cache-Control": LIVE, "Vary": "Accept-Encoding"},
            good_until=availability.good_until,
        )


class SeatAvailabilitySince(PublicRead):
    """GET: what has changed since a version."""

    @extend_schema(responses={200: AvailabilityChangesOut})
    def get(self, request: Request, pk: int, version: str) -> HttpResponseBase:
        """Which seats changed since the `version` of an earlier answer, at most a second old.

        For who shows the seats live: some hundred bytes in place of a letter a seat. Ask again with the version that
        is answered. A version that nobody knows any more is answered with all `seats`.
        """
        changes = changes_since(sale_or_404(pk).schedule_id, version)
        response = json_of(changes.body)
        response["Cache-Control"] = CHANGING
        # Until then concert_site.front repeats it by itself.
        response.good_until = changes.good_until  # type: ignore[attr-defined]  # an attribute of ours
        return response
