"""What the wallet's API takes and gives."""

from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from concert_site.lib.api.fields import Body, Money
from wallet.models import BalanceHistory, LedgerKind, TopUp, TopUpState
from wallet.queries import Wallet


class ChargeRequest(Body):
    """How much to top up, in the currency's minor unit."""

    amount = Money(min_value=settings.TOP_UP_LEAST, max_value=settings.TOP_UP_MOST)


class WalletOut(serializers.Serializer[Wallet]):
    """What the caller has; `last_updated_at` is null if nothing was ever booked."""

    amount = serializers.IntegerField()
    currency = serializers.CharField(help_text="ISO 4217; amounts are in its minor unit.")
    last_updated_at = serializers.DateTimeField(allow_null=True)


class LedgerEntryOut(serializers.Serializer[BalanceHistory]):
    """One change of a balance: `amount` is signed, `amount_after` is the balance it left."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=LedgerKind.choices)
    amount = serializers.IntegerField()
    amount_after = serializers.IntegerField()
    payment = serializers.IntegerField(source="payment_id", allow_null=True)
    note = serializers.CharField()
    created_at = serializers.DateTimeField()


# What apps tell apart; that it was begun, or paid back later, makes no difference to whether it came.
STATES = ("PENDING", "SUCCEEDED", "FAILED", "EXPIRED")
SHOWN_AS = {TopUpState.CREATED: "PENDING", TopUpState.PARTLY_REFUNDED: "SUCCEEDED", TopUpState.REFUNDED: "SUCCEEDED"}


class NextStepOut(serializers.Serializer[dict[str, str]]):
    """What the fan has to do: open this address in a browser, which comes back to this site."""

    kind = serializers.ChoiceField(choices=["redirect"])
    url = serializers.URLField()


class ChargeOut(serializers.Serializer[TopUp]):
    """A top-up. Once credited, `entry` is its line of the ledger, whose fields stand here as well."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    amount = serializers.IntegerField()
    currency = serializers.CharField()
    provider = serializers.CharField()
    failure = serializers.CharField(help_text="Why it failed or is stuck, in a word; empty if it didn't.")
    refunded = serializers.IntegerField(help_text="What has gone back by the way it came.")
    reservations = serializers.ListField(
        child=serializers.IntegerField(), help_text="What it is to pay; empty if it is for the wallet."
    )
    outcome = serializers.ChoiceField(
        choices=["", TopUp.PAID, TopUp.KEPT],
        help_text="Of reservations, once SUCCEEDED: `PAID`; or `KEPT`, when it came too late for the seats, wasn’t "
        "enough any more, or they had been paid otherwise: then the money is in the wallet.",
    )
    next = NextStepOut(allow_null=True, help_text="What is left to do, while PENDING.")
    entry = LedgerEntryOut(allow_null=True)
    kind = serializers.ChoiceField(choices=LedgerKind.choices, required=False)
    amount_after = serializers.IntegerField(required=False)
    payment = serializers.IntegerField(required=False, allow_null=True)
    note = serializers.CharField(required=False)
    created_at = serializers.DateTimeField()


def charge_out(top_up: TopUp) -> dict[str, object]:
    """A top-up as ChargeOut describes it."""
    entry = LedgerEntryOut(top_up.entry).data if top_up.entry else None
    return {
        **({name: entry[name] for name in ("kind", "amount_after", "payment", "note")} if entry else {}),
        "id": top_up.pk,
        "state": SHOWN_AS.get(TopUpState(top_up.state), top_up.state),
        "amount": top_up.amount,
        "currency": top_up.currency,
        "provider": top_up.provider,
        "failure": top_up.failure,
        "refunded": top_up.refunded,
        "reservations": top_up.reservations,
        "outcome": top_up.outcome,
        "next": next_step(top_up),
        "entry": entry,
        "created_at": top_up.created_at,
    }


def next_step(top_up: TopUp) -> dict[str, str] | None:
    """What the fan of a top-up has to do: go to the provider's page, or to ours with the provider's widget."""
    if top_up.state != TopUpState.PENDING:
        return None
    url = (top_up.next or {}).get("url") or reverse("top_up_pay", args=[top_up.reference])
    return {"kind": "redirect", "url": urljoin(settings.SITE_URL, url)}
