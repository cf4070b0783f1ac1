"""Tickets, and the key that checks them."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request
from rest_framework.response import Response

from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.negotiation import preferred_type
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import View
from concert_site.lib.cache_control import PRIVATE
from reservations.api.catalogue_views import PublicRead
from reservations.queries.bookings import own_with_schedule
from reservations.queries.payment_facts import ticket_for
from reservations.tickets import codes, keys

SVG, PNG = "image/svg+xml", "image/png"
ACCEPT = OpenApiParameter(
    "Accept", str, OpenApiParameter.HEADER, enum=[SVG, PNG], description="SVG unless PNG is preferred."
)
# Scanners that ask each morning learn of a new key in time; it changes with the site's secrets alone.
KEY_LASTS = "public, max-age=300"


class TicketKeyOut(serializers.Serializer[object]):
    """The public key of the site's tickets."""

    version = serializers.CharField(help_text="What a ticket's text begins with.")
    algorithm = serializers.CharField()
    public_key = serializers.CharField(help_text="PEM.")


class OwnTicket(View):
    """GET: the ticket of one of the caller's paid seats, as a QR code."""

    @extend_schema(
        summary="The ticket of a paid seat",
        description="A QR code, with its quiet zone: SVG, or PNG if `Accept` prefers it. A reservation that is held, "
        "canceled or lapsed has no ticket, nor has someone else's: 404. Refusals are JSON whatever `Accept` says.",
        parameters=[ACCEPT],
        responses={
            (200, SVG): OpenApiResponse(OpenApiTypes.STR, description="The picture."),
            (200, PNG): OpenApiResponse(OpenApiTypes.BINARY, description="The picture."),
        },
    )
    @refuses(NotAcceptable)
    def get(self, request: Request, pk: int) -> HttpResponse:
        media_type = preferred_type(request, (SVG, PNG))
        ticket = ticket_for(own_with_schedule(pk, user_id=caller_id(request)))
        picture = ticket.png() if media_type == PNG else ticket.svg()
        # The fan's browser must not take an SVG for a page of ours, whatever is in its title.
        # A ticket opens a door: it is kept nowhere on the way.
        headers = {"Cache-Control": PRIVATE, "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(picture, content_type=media_type, headers=headers)


class TicketKey(PublicRead):
    """GET: the public key that checks tickets. The same for everybody, so no account is looked for."""

    @extend_schema(summary="The key that checks tickets", responses=TicketKeyOut)
    def get(self, request: Request) -> Response:
        answer = {"version": codes.VERSION, "algorithm": "Ed25519", "public_key": keys.public_pem()}
        return Response(answer, headers={"Cache-Control": KEY_LASTS})
