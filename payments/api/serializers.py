"""What the payments' API takes and gives."""

from collections.abc import Iterable

from rest_framework import serializers

from concert_site.lib.api.fields import Body, Ids, Money
from payments.domain.checkout import Receipt
from payments.domain.refunds import Cancellation
from payments.models import RefundTo
from reservations.api.serializers import MOST_SEATS, PaymentOut, ReservationOut, reservation_out
from reservations.models import Reservation
from wallet.api.serializers import ChargeOut, charge_out
from wallet.api.withdrawals import WithdrawalOut, withdrawals_out
from wallet.models import TopUp

WALLET, CARD = "wallet", "card"


class PayRequest(Body):
    """Which of the caller's reservations to pay: all of them, or none."""

    reservations = Ids(min_length=1, max_length=MOST_SEATS)
    pay_with = serializers.ChoiceField(
        choices=[WALLET, CARD],
        # No default: clients made from the description would have to send it.
        required=False,
        help_text="`wallet`, if left out. `card`: what the wallet lacks is collected by a provider, and pays at once.",
    )


class CancelRequest(Body):
    """The fee that the fan was shown and agrees to; left out, whatever it costs by now is taken."""

    agreed_fee = Money(min_value=0, required=False)
    refund_to = serializers.ChoiceField(
        choices=RefundTo.values,
        required=False,
        help_text="Where the refund goes; left out, where the house sends it. To the card goes what came from there, "
        "and the rest to the wallet.",
    )


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


class PaymentBegunOut(serializers.Serializer[TopUp]):
    """A payment by card that is under way: what its fan has to do is in `charge.next`; the seats are held meanwhile."""

    charge = ChargeOut()
    reservations = ReservationOut(many=True)


def payment_begun_out(top_up: TopUp, reservations: Iterable[Reservation]) -> dict[str, object]:
    """A payment by card as PaymentBegunOut describes it."""
    return {"charge": charge_out(top_up), "reservations": [reservation_out(each) for each in reservations]}


class CanceledOut(serializers.Serializer[Cancellation]):
    """A canceled reservation: what was kept, what went back to the wallet, and its balance."""

    reservation = ReservationOut()
    fee = serializers.IntegerField()
    refund = serializers.IntegerField()
    balance = serializers.IntegerField()
    withdrawals = WithdrawalOut(many=True, help_text="What of the refund goes on to the card.")


def canceled_out(done: Cancellation) -> dict[str, object]:
    """A cancellation as CanceledOut describes it."""
    return {
        "reservation": reservation_out(done.reservation),
        "fee": done.fee,
        "refund": done.refund,
        "balance": done.balance,
        "withdrawals": withdrawals_out(done.withdrawals),
    }
