"""What the booking and waiting-room API takes and gives.

The output serializers describe the shapes for the schema; the hot answers are built by plain functions,
which cost a tenth of it.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from concert_site.lib.api.fields import Body, Id, Ids, StrictBoolean, StrictInteger
from concert_site.lib.database.statements import Row
from queueing.api.serializers import TokenOut
from reservations.api.catalogue_serializers import SeatOut
from reservations.domain import cancellation
from reservations.domain.holds import Booking
from reservations.halls.hall import LONGEST
from reservations.models import ConcertSeat, Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries.bookings import OF_A_SEAT, moved_from
from reservations.queries.payment_facts import PaymentFacts, payment_of

# More than any limit allows, and few enough to read.
MOST_SEATS = 100
WHICH = _("Say which seats, or ask for the best available.")
EITHER = _("Send either seats or best_available.")
ONLY_SEATS = _("This goes with seats that you name.")


class HoldRequest(Body):
    """Which seats of which schedule to hold: all of them, or none."""

    schedule = Id()
    seats = Ids(min_length=1, max_length=MOST_SEATS)


class BestAvailableRequest(Body):
    """So many seats side by side, as near the stage as can be had; in a section, of a category, or anywhere."""

    quantity = StrictInteger(max_value=MOST_SEATS)
    section = serializers.CharField(required=False, max_length=LONGEST["section"], trim_whitespace=False)
    category = serializers.CharField(
        required=False, max_length=LONGEST["category"], trim_whitespace=False, help_text="The grade."
    )
    accessible = StrictBoolean(
        required=False, help_text="One of them a place for a wheelchair, the others beside it. Without it none is."
    )


@extend_schema_serializer(component_name="HoldRequest")
class AnyHoldRequest(Body):
    """Which seats of which schedule to hold, all of them or none: `seats`, or `best_available`."""

    # `validate` in other words. Generators of clients pass a `not` by, and would make classes of parts of a `oneOf`.
    SHAPE: ClassVar = {
        "not": {
            "anyOf": [
                {"required": ["seats", "best_available"]},
                {"not": {"anyOf": [{"required": ["seats"]}, {"required": ["best_available"]}]}},
                {"required": ["on_conflict"], "not": {"required": ["seats"]}},
            ]
        }
    }

    schedule = Id()
    seats = Ids(required=False, min_length=1, max_length=MOST_SEATS)
    best_available = BestAvailableRequest(required=False)
    on_conflict = serializers.ChoiceField(
        choices=["best_available"],
        required=False,
        help_text="With `seats`: those that are gone are replaced by the nearest ones at the same price.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:  # Any: each field of its own type
        """Exactly one way of saying which seats.

        :raises ValidationError: naming the field that is missing, or too many
        """
        if "seats" not in attrs and "best_available" not in attrs:
            raise serializers.ValidationError({"seats": [ErrorDetail(str(WHICH), "required")]})
        if "seats" in attrs and "best_available" in attrs:
            raise serializers.ValidationError({"best_available": [ErrorDetail(str(EITHER), "invalid")]})
        if "on_conflict" in attrs and "seats" not in attrs:
            raise serializers.ValidationError({"on_conflict": [ErrorDetail(str(ONLY_SEATS), "invalid")]})
        return attrs


class PaymentOut(serializers.Serializer[Any]):  # Any: PaymentFacts, and payments keep to that
    """The payment of one reservation; amounts in the currency's minor unit."""

    id = serializers.IntegerField()
    reservation = serializers.IntegerField()
    price = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["COMPLETED", "CANCELED"])
    refund_fee = serializers.IntegerField(allow_null=True, help_text="What a refund kept; null unless CANCELED.")
    created_at = serializers.DateTimeField()
    updated_state_at = serializers.DateTimeField()

    def to_representation(self, instance: PaymentFacts) -> dict[str, object]:
        """The payment, built without a field walk."""
        return payment_out(instance)


class TierOut(serializers.Serializer[object]):
    """Up to and including `until`, a cancellation costs this and gives `refund` back."""

    until = serializers.DateField()
    fee_percent = serializers.IntegerField()
    refund = serializers.IntegerField()


class CancellationOut(serializers.Serializer[object]):
    """What canceling now would cost and give back."""

    fee = serializers.IntegerField()
    refund = serializers.IntegerField()
    tiers = TierOut(many=True)


class ReservationOut(serializers.Serializer[Reservation]):
    """One seat of a booking. A hold that is over reads CANCELED."""

    id = serializers.IntegerField()
    booking_reference = serializers.CharField()
    schedule = serializers.IntegerField()
    concert_name = serializers.CharField()
    concert_date = serializers.DateField(help_text="The day that was booked; see `moved_from`.")
    concert_at = serializers.DateTimeField(help_text="When it is played, as it stands now.")
    moved_from = serializers.DateField(
        allow_null=True, help_text="The day that was booked, where it is played on another one by now; else null."
    )
    date_canceled_at = serializers.DateTimeField(
        allow_null=True, help_text="When the whole date was canceled: it is refunded in full; else null."
    )
    seat = SeatOut()
    price = serializers.IntegerField()
    status = serializers.ChoiceField(choices=ReservationStatus.choices)
    expired_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_state_at = serializers.DateTimeField()
    payment = PaymentOut(allow_null=True)
    cancellation = CancellationOut(allow_null=True)

    def to_representation(self, instance: Reservation) -> dict[str, object]:
        """The reservation, built without a field walk."""
        return reservation_out(instance)


class SubstituteOut(serializers.Serializer[object]):
    """A seat that was asked for, and the one that is held in its place; ids."""

    seat = serializers.IntegerField()
    by = serializers.IntegerField()


class BookingOut(serializers.Serializer[Booking]):
    """Seats booked together, held until `expired_at`."""

    booking_reference = serializers.CharField()
    expired_at = serializers.DateTimeField(allow_null=True)
    total = serializers.IntegerField()
    currency = serializers.CharField()
    substituted = SubstituteOut(
        many=True, help_text="Which seats are held in the place of which that were asked for and are gone."
    )
    reservations = ReservationOut(many=True)


class JoinOut(TokenOut):
    """A place in line, with the hash of the draw's seed."""

    seed_hash = serializers.CharField()


def booking_out(booking: Booking) -> dict[str, object]:
    """A booking as BookingOut describes it."""
    return {
        "booking_reference": booking.reference,
        "expired_at": booking.expired_at,
        "total": booking.total,
        "currency": settings.CURRENCY,
        "substituted": [{"seat": each.seat, "by": each.by} for each in booking.substituted],
        "reservations": [
            *(held_out(row, booking.schedule_id) for row in booking.rows),
            *map(reservation_out, booking.repeated),
        ],
    }


def held_out(row: Row, schedule_id: int) -> dict[str, object]:
    """A reservation that was made just now, as ReservationOut describes it, out of what hold_seats.sql answered."""
    price = row["price"]
    # Booked this moment, for the date as it stands.
    terms = cancellation.RefundTerms(played_on=row["concert_date"], begins_at=row["concert_at"])
    return {
        "id": row["reservation"],
        "booking_reference": row["booking_reference"],
        "schedule": schedule_id,
        "concert_name": row["concert_name"],
        "concert_date": row["concert_date"],
        "concert_at": row["concert_at"],
        "moved_from": None,
        "date_canceled_at": None,
        "seat": {"id": row["seat"]} | {name: price if name == "seat_price" else row[name] for name in OF_A_SEAT},
        "price": price,
        "status": ReservationStatus.RESERVING,
        "expired_at": row["expired_at"],
        "created_at": row["created_at"],
        "updated_state_at": row["created_at"],
        "payment": None,
        "cancellation": {"fee": 0, "refund": 0, "tiers": tiers_out(price, terms)},
    }


def reservation_out(reservation: Reservation) -> dict[str, object]:
    """A reservation as ReservationOut describes it; it was read with its seat, schedule and payment."""
    status, payment, schedule = reservation.state, payment_of(reservation), reservation.concert_schedule
    return {
        "id": reservation.pk,
        "booking_reference": reservation.booking_reference,
        "schedule": reservation.concert_schedule_id,
        "concert_name": reservation.concert_name,
        "concert_date": reservation.concert_date,
        "concert_at": schedule.concert_at,
        "moved_from": moved_from(reservation),
        "date_canceled_at": schedule.canceled_at,
        "seat": seat_out(reservation.concert_seat),
        "price": reservation.price,
        "status": status,
        "expired_at": reservation.expired_at,
        "created_at": reservation.created_at,
        "updated_state_at": reservation.updated_state_at,
        "payment": payment and payment_out(payment),
        "cancellation": cancellation_out(reservation, status),
    }


def seat_out(seat: ConcertSeat) -> dict[str, object]:
    """A seat as the seat map lists it."""
    return {"id": seat.pk} | {name: getattr(seat, name) for name in OF_A_SEAT}


def tiers_out(price: int, terms: cancellation.RefundTerms) -> list[dict[str, object]]:
    """What a cancellation costs from when on, as TierOut describes it."""
    return [
        {"until": tier.until, "fee_percent": tier.fee_percent, "refund": tier.refund}
        for tier in cancellation.tiers_of(price=price, terms=terms)
    ]


def payment_out(payment: PaymentFacts) -> dict[str, object]:
    """A payment as PaymentOut describes it."""
    return {
        "id": payment.pk,
        "reservation": payment.reservation_id,
        "price": payment.price,
        "state": payment.state,
        "refund_fee": payment.refund_fee,
        "created_at": payment.created_at,
        "updated_state_at": payment.updated_state_at,
    }


def cancellation_out(reservation: Reservation, status: str) -> dict[str, object] | None:
    """What canceling now would refund; giving up a hold costs nothing, and nothing was paid."""
    if status == ReservationStatus.CANCELED:
        return None
    tiers = tiers_out(reservation.price, cancellation.terms_of(reservation))
    if status == ReservationStatus.RESERVING:
        return {"fee": 0, "refund": 0, "tiers": tiers}
    offer = cancellation.quote_of(reservation)
    return {"fee": offer.fee, "refund": offer.refund, "tiers": tiers}
