"""What the payments' API takes and gives."""

from rest_framework import serializers

from concert_site.lib.api.fields import Body, Ids, Money
from payments.domain.checkout import Receipt
from payments.domain.refunds import Cancellation
from reservations.api.serializers import MOST_SEATS, PaymentOut, ReservationOut, reservation_out


class PayRequest(Body):
    """Which of the caller's reservations to pay: all of them, or none."""

    reservations = Ids(min_length=1, max_length=MOST_SEATS)


class CancelRequest(Body):
    """The fee that the fan was shown and agrees to; left out, whatever it costs by now is taken."""

    agreed_fee = Money(min_value=0, required=False)


# The columns of pay_reservations.sql that are of a payment, as PaymentOut has them.
PAYMENT = ("id", "reservation", "price", "state", "refund_fee", "created_at", "updated_state_at")


class ReceiptOut(serializers.Serializer[Receipt]):
    """What was paid, and the balance left."""

    payments = PaymentOut(many=True)
    balance = serializers.IntegerField()


def receipt_out(receipt: Receipt) -> dict[str, object]:
    """A receipt as ReceiptOut describes it."""
    payments = [{name: row[name] for name in PAYMENT} for row in receipt.rows]
    return {"payments": payments, "balance": receipt.balance}


class CanceledOut(serializers.Serializer[Cancellation]):
    """A canceled reservation: what was kept, what went back to the wallet, and its balance."""

    reservation = ReservationOut()
    fee = serializers.IntegerField()
    refund = serializers.IntegerField()
    balance = serializers.IntegerField()


def canceled_out(done: Cancellation) -> dict[str, object]:
    """A cancellation as CanceledOut describes it."""
    return {
        "reservation": reservation_out(done.reservation),
        "fee": done.fee,
        "refund": done.refund,
        "balance": done.balance,
    }
