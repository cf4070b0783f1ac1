"""Withdrawals of the caller: what they take and give, and who answers."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api import idempotency
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import Body, Money, validated
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import ListView, View, answer
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet import queries
from wallet.domain import withdrawals
from wallet.domain.errors import InsufficientBalance, WithdrawalTooLarge
from wallet.models import Withdrawal, WithdrawalState
from wallet.providers import TopUpUnavailable

KEY_HEADER = idempotency.key_parameter(
    "Any text of your own, 1 to 255 characters, new for each withdrawal. "
    "Sent again with the same body it answers the same withdrawals as they stand now.",
    required=True,
)


class WithdrawRequest(Body):
    """How much of the wallet to send back to where it came from, in the currency's minor unit."""

    amount = Money()


class WithdrawalOut(serializers.Serializer[Withdrawal]):
    """A part of a top-up that goes back by the way it came. FAILED: it couldn't, and is in the wallet again."""

    id = serializers.IntegerField()
    amount = serializers.IntegerField()
    currency = serializers.CharField(source="top_up.currency")
    state = serializers.ChoiceField(choices=WithdrawalState.choices)
    charge = serializers.IntegerField(source="top_up_id", help_text="The top-up that it goes back by.")
    created_at = serializers.DateTimeField()


class WithdrawnOut(serializers.Serializer[dict[str, object]]):
    """Withdrawals, one for each top-up that is taken from, and the balance left."""

    withdrawals = WithdrawalOut(many=True)
    balance = serializers.IntegerField()


def withdrawals_out(made: Sequence[Withdrawal]) -> list[dict[str, object]]:
    """Withdrawals as WithdrawalOut describes them."""
    return [dict(WithdrawalOut(each).data) for each in made]


@extend_schema_view(get=extend_schema(summary="My withdrawals, newest first"))
class Withdrawals(ListView[Withdrawal]):
    """GET: the caller's withdrawals. POST: withdraw."""

    serializer_class = WithdrawalOut
    write_scope = "withdraw"
    permission_classes = [IsAuthenticated, HasVerifiedAddress]

    def get_queryset(self) -> QuerySet[Withdrawal]:
        """The withdrawals of the caller and of nobody else."""
        return queries.own_withdrawals(user_id=caller_id(self.request))

    @extend_schema(
        summary="Withdraw to the card it came from",
        parameters=[KEY_HEADER],
        request=WithdrawRequest,
        responses={
            201: OpenApiResponse(WithdrawnOut, description="Off the wallet; PENDING until it is paid out."),
            200: OpenApiResponse(WithdrawnOut, description="This key was used before; as they stand now."),
        },
    )
    @refuses(InsufficientBalance, IdempotencyKeyReused, TopUpUnavailable, amount=[Invalid, WithdrawalTooLarge])
    def post(self, request: Request) -> HttpResponse:
        key = idempotency.key_of(request, required=True)
        body = validated(WithdrawRequest, request.data)
        user_id = caller_id(request)
        done = withdrawals.withdraw(user_id=user_id, idempotency_key=key, **body)
        balance = queries.wallet_of(user_id).amount
        shown = {"withdrawals": withdrawals_out(done.withdrawals), "balance": balance}
        return answer(shown, status=201 if done.is_new else 200)


class OwnWithdrawal(View):
    """GET: one withdrawal of the caller, to poll."""

    @extend_schema(summary="One withdrawal", responses=WithdrawalOut)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(WithdrawalOut(queries.own_withdrawal(pk, user_id=caller_id(request))).data)
