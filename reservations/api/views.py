"""Holding seats, and the fan's own reservations."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api import idempotency
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import require_no_fields, validated
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import ListView, View, answer
from concert_site.lib.errors import DomainError, Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused, request_hash
from queueing.domain.errors import QueueTokenInactive, QueueTokenRequired, SaleClosed, SaleNotOpen, SoldOut
from reservations.api.serializers import (
    AnyHoldRequest,
    BookingOut,
    HoldRequest,
    ReservationOut,
    booking_out,
    reservation_out,
)
from reservations.domain import best_available, holds, single_seats
from reservations.domain.best_available import BestAvailable
from reservations.domain.errors import (
    CategoryUnknown,
    HoldCooldown,
    HoldExpired,
    ScheduleUnknown,
    SeatUnavailable,
    SeatUnknown,
    SectionUnknown,
    SingleSeatLeft,
    TicketLimitExceeded,
)
from reservations.domain.holds import Booking
from reservations.models import Reservation
from reservations.models.reservation import ReservationQuerySet
from reservations.queries import bookings

QUEUE_TOKEN = OpenApiParameter(
    # Text, because whatever is no token is refused like one that isn't the caller's.
    "X-Queue-Token",
    str,
    OpenApiParameter.HEADER,
    description="The caller's ACTIVE token of this schedule, a UUID.",
)
KEY = idempotency.key_parameter(
    "Any text of your own, new for each booking. Sent again with the same body it answers that booking."
)


# What no keyword can be called.
UNKNOWN: dict[str, list[type[DomainError]]] = {
    "best_available.section": [SectionUnknown],
    "best_available.category": [CategoryUnknown],
}


def queue_token_of(request: Request) -> UUID | None:
    """The token in the header; None if there is none, or it is none of ours."""
    try:
        return UUID(request.META.get("HTTP_X_QUEUE_TOKEN", ""))
    except ValueError:
        return None


def hold_wish(body: object) -> dict[str, Any]:  # Any: each field of its own type
    """The valid body of a hold. One that names seats and nothing more, as most do, is judged by the shorter rules.

    :raises ValidationError: naming each field at fault
    """
    is_long = isinstance(body, dict) and ("best_available" in body or "on_conflict" in body)
    return validated(AnyHoldRequest if is_long else HoldRequest, body)


def held(body: dict[str, Any], **caller: Any) -> Booking:  # Any: as the domain declares them
    """The booking that a body asks for.

    :raises QueueTokenRequired, QueueTokenInactive: unless the token lets the fan in
    :raises SaleNotOpen, SaleClosed, SoldOut: outside the sale
    :raises ScheduleUnknown, SeatUnknown: if there is no such thing
    :raises SeatUnavailable, SingleSeatLeft: if these seats, or so many together, can't be had
    :raises TicketLimitExceeded, HoldCooldown, IdempotencyKeyReused: see holds.hold_seats
    """
    schedule = body["schedule"]
    if "best_available" in body:
        return best_available.hold_best_available(BestAvailable(**body["best_available"]), schedule=schedule, **caller)
    substitutes = "on_conflict" in body
    return single_seats.hold_by_rule(schedule=schedule, seats=body["seats"], substitutes=substitutes, **caller)


@extend_schema_view(get=extend_schema(summary="My reservations, newest first"))
class Reservations(ListView[Reservation]):
    """GET: the caller's reservations. POST: hold seats."""

    serializer_class = ReservationOut
    write_scope = "hold"

    permission_classes = [IsAuthenticated, HasVerifiedAddress]

    def get_queryset(self) -> ReservationQuerySet:
        """The reservations of the caller and of nobody else."""
        return bookings.own_reservations(user_id=caller_id(self.request))

    @extend_schema(
        summary="Hold seats",
        description="Seats that you name, or the best available: adjoining ones of one row, as near the stage as may "
        "be, and chosen so that no single seat is left behind if that can be helped.",
        parameters=[QUEUE_TOKEN, KEY],
        request=AnyHoldRequest,
        responses={
            201: OpenApiResponse(BookingOut, description="Held until `expired_at`."),
            200: OpenApiResponse(BookingOut, description="This booking exists already; here it is as it is now."),
        },
    )
    @refuses(QueueTokenRequired, QueueTokenInactive)
    @refuses(SaleNotOpen, SaleClosed, TicketLimitExceeded, HoldCooldown, IdempotencyKeyReused)
    @refuses(schedule=[ScheduleUnknown], seats=[Invalid, SeatUnknown, SeatUnavailable, SingleSeatLeft])
    @refuses(SoldOut, best_available=[SeatUnavailable])
    @refuses(**UNKNOWN)
    def post(self, request: Request) -> HttpResponse:
        key = idempotency.key_of(request, required=False)
        body = hold_wish(request.data)
        # The same seats in another order are the same request.
        canonical = body | {"seats": sorted(body["seats"])} if "seats" in body else body
        booking = held(
            body,
            user_id=caller_id(request),
            queue_token=queue_token_of(request),
            idempotency_key=key,
            request_hash=request_hash(canonical) if key else None,
        )
        return answer(booking_out(booking), status=201 if booking.is_new else 200)


class OwnReservation(View):
    """GET: one reservation of the caller."""

    @extend_schema(summary="One reservation", responses=ReservationOut)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(reservation_out(bookings.own(pk, user_id=caller_id(request))))


class Extend(View):
    """POST: more time to pay, once a booking."""

    @extend_schema(
        summary="Extend the hold", request=None, responses=ReservationOut, description="Once, for the whole booking."
    )
    @refuses(HoldExpired)
    def post(self, request: Request, pk: int) -> HttpResponse:
        require_no_fields(request)
        return answer(reservation_out(holds.extend_hold(user_id=caller_id(request), reservation_id=pk)))
