"""The wallet of the caller."""

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api import idempotency
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import validated
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import ListView, View, answer
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet.api.serializers import ChargeOut, ChargeRequest, LedgerEntryOut, WalletOut, charge_out
from wallet.domain import top_ups
from wallet.domain.errors import BalanceTooLarge, TopUpDayLimit, TopUpMonthLimit
from wallet.models import BalanceHistory, BalanceHistoryQuerySet
from wallet.providers import TopUpUnavailable
from wallet.queries import history_of, own_top_up, wallet_of

KEY_HEADER = idempotency.key_parameter(
    "Any text of your own, 1 to 255 characters, new for each top-up. "
    "Sent again with the same body it answers the same top-up as it stands now.",
    required=True,
)


class OwnWallet(View):
    """GET: what the caller has."""

    @extend_schema(summary="What I have", responses=WalletOut)
    def get(self, request: Request) -> HttpResponse:
        return answer(wallet_of(caller_id(request)))


class Charges(View):
    """POST: top up."""

    permission_classes = [IsAuthenticated, HasVerifiedAddress]
    throttle_scope = "charge"

    @extend_schema(
        summary="Top up",
        parameters=[KEY_HEADER],
        request=ChargeRequest,
        responses={
            201: OpenApiResponse(ChargeOut, description="Begun; SUCCEEDED if it is in the wallet already."),
            200: OpenApiResponse(ChargeOut, description="This key was used before; as it stands now."),
        },
    )
    @refuses(BalanceTooLarge, IdempotencyKeyReused, TopUpUnavailable, amount=[Invalid, TopUpDayLimit, TopUpMonthLimit])
    def post(self, request: Request) -> HttpResponse:
        key = idempotency.key_of(request, required=True)
        body = validated(ChargeRequest, request.data)
        charge = top_ups.charge(user_id=caller_id(request), idempotency_key=key, **body)
        return answer(charge_out(charge.top_up), status=201 if charge.is_new else 200)


class OwnCharge(View):
    """GET: one top-up of the caller, to poll."""

    @extend_schema(summary="One top-up", responses=ChargeOut)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(charge_out(own_top_up(pk, user_id=caller_id(request))))


@extend_schema(summary="My ledger, newest first")
class History(ListView[BalanceHistory]):
    """GET: the caller's ledger."""

    serializer_class = LedgerEntryOut

    def get_queryset(self) -> BalanceHistoryQuerySet:
        """The ledger of the caller and of nobody else."""
        return history_of(caller_id(self.request))
