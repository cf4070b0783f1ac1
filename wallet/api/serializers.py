"""What the wallet's API takes and gives."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from wallet.domain.ledger import LARGEST_CHARGE, SMALLEST_CHARGE
from wallet.models import Kind


class WholeNumber(serializers.IntegerField):
    """A JSON integer. DRF's own field also takes "100", 100.0 and true, which in money are mistakes."""

    def to_internal_value(self, value: object) -> int:
        """The number as it came.

        :raises ValidationError: if it is text, a fraction, or a truth value
        """
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail("invalid")
        return value


class ChargeRequest(serializers.Serializer[object]):
    """How much to top up, in the currency's minor unit."""

    amount = WholeNumber(
        min_value=SMALLEST_CHARGE,
        max_value=LARGEST_CHARGE,
        error_messages={"invalid": _("Give a whole number, without quotes or decimals.")},
    )


class WalletOut(serializers.Serializer[object]):
    """What the caller has; `last_updated_at` is null if nothing was ever booked."""

    amount = serializers.IntegerField()
    currency = serializers.CharField(help_text="ISO 4217; amounts are in its minor unit.")
    last_updated_at = serializers.DateTimeField(format=None, allow_null=True)


class LedgerEntryOut(serializers.Serializer[object]):
    """One change of a balance: `amount` is signed, `amount_after` is the balance it left."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    amount = serializers.IntegerField()
    amount_after = serializers.IntegerField()
    payment = serializers.IntegerField(source="payment_id", allow_null=True)
    note = serializers.CharField()
    created_at = serializers.DateTimeField(format=None)
