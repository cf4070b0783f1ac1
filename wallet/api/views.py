"""The wallet of the caller."""

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from concert_site.accounts.permissions import HasVerifiedAddress
from concert_site.lib.api import idempotency
from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import validated
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.pagination import NewestFirst
from concert_site.lib.api.views import ListView, View, answer
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet.api.serializers import ChargeRequest, LedgerEntryOut, WalletOut
from wallet.domain import ledger
from wallet.domain.errors import BalanceTooLarge
from wallet.models import BalanceHistory, BalanceHistoryQuerySet
from wallet.queries import history_of, wallet_of

KEY_HEADER = OpenApiParameter(
    idempotency.HEADER,
    idempotency.SHAPE,
    OpenApiParameter.HEADER,
    required=True,
    description="Any text of your own, 1 to 255 characters, new for each top-up. "
    "Sent again with the same body it answers the same entry and books nothing.",
)


class Wallet(View):
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
            201: OpenApiResponse(LedgerEntryOut, description="Topped up."),
            200: OpenApiResponse(LedgerEntryOut, description="This key was used before; nothing was booked again."),
        },
    )
    @refuses(BalanceTooLarge, IdempotencyKeyReused, amount=[Invalid])
    def post(self, request: Request) -> HttpResponse:
        key = idempotency.key_of(request, required=True)
        body = validated(ChargeRequest, request.data)
        charge = ledger.charge(user_id=caller_id(request), idempotency_key=key, **body)
        return answer(LedgerEntryOut(charge.entry).data, status=201 if charge.is_new else 200)


@extend_schema(summary="My ledger, newest first")
class History(ListView[BalanceHistory]):
    """GET: the caller's ledger."""

    serializer_class = LedgerEntryOut
    pagination_class = NewestFirst

    def get_queryset(self) -> BalanceHistoryQuerySet:
        """The ledger of the caller and of nobody else."""
        return history_of(caller_id(self.request))
