"""What the payments' API takes and gives."""

from rest_framework import serializers

from concert_site.lib.fields import Id
from payments.domain.checkout import Receipt
from payments.domain.refunds import Cancellation
from reservations.api.serializers import MOST_SEATS, PaymentOut, ReservationOut, payment_out, reservation_out


class PayRequest(serializers.Serializer[object]):
    """Which of the caller's reservations to pay: all of them, or none."""

    reservations = serializers.ListField(child=Id(), min_length=1, max_length=MOST_SEATS)


class ReceiptOut(serializers.Serializer[Receipt]):
    """What was paid, and the balance left."""

    payments = PaymentOut(many=True)
    balance = serializers.IntegerField()


def receipt_out(receipt: Receipt) -> dict[str, object]:
    """A receipt as ReceiptOut describes it."""
    return {"payments": [payment_out(each) for each in receipt.payments], "balance": receipt.balance}


class CanceledOut(serializers.Serializer[Cancellation]):
    """A canceled reservation: what was kept, what went back to the wallet, and its balance."""

    reservation = ReservationOut()
    fee = serializers.IntegerField()
    refund = serializers.IntegerField()
    balance = serializers.IntegerField()

    def to_representation(self, instance: Cancellation) -> dict[str, object]:
        """The cancellation, built without a field walk."""
        return {
            "reservation": reservation_out(instance.reservation),
            "fee": instance.fee,
            "refund": instance.refund,
            "balance": instance.balance,
        }
