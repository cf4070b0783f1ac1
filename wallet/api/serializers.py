"""What the wallet's API takes and gives."""

from rest_framework import serializers

from concert_site.lib.api.fields import Body, Money
from wallet.domain.ledger import LARGEST_CHARGE, SMALLEST_CHARGE
from wallet.models import BalanceHistory, Kind
from wallet.queries import Wallet


class ChargeRequest(Body):
    """How much to top up, in the currency's minor unit."""

    amount = Money(min_value=SMALLEST_CHARGE, max_value=LARGEST_CHARGE)


class WalletOut(serializers.Serializer[Wallet]):
    """What the caller has; `last_updated_at` is null if nothing was ever booked."""

    amount = serializers.IntegerField()
    currency = serializers.CharField(help_text="ISO 4217; amounts are in its minor unit.")
    last_updated_at = serializers.DateTimeField(allow_null=True)


class LedgerEntryOut(serializers.Serializer[BalanceHistory]):
    """One change of a balance: `amount` is signed, `amount_after` is the balance it left."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    amount = serializers.IntegerField()
    amount_after = serializers.IntegerField()
    payment = serializers.IntegerField(source="payment_id", allow_null=True)
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
