"""Paying and canceling."""

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request

from concert_site.lib.api.authentication import caller_id
from concert_site.lib.api.fields import validated
from concert_site.lib.api.openapi import refuses
from concert_site.lib.api.views import ListView, View, answer
from concert_site.lib.errors import Invalid, NotFound
from payments import queries
from payments.api.serializers import (
    WALLET,
    CanceledOut,
    CancelRequest,
    PaymentBegunOut,
    PayRequest,
    ReceiptOut,
    canceled_out,
    payment_begun_out,
    receipt_out,
)
from payments.domain import card_checkout, card_refunds, checkout
from payments.domain.card_checkout import PaidAtOnce
from payments.domain.errors import FeeChanged, PaymentUnderWay
from payments.models import Payment, PaymentQuerySet, RefundTo
from reservations.api.serializers import PaymentOut
from reservations.domain.errors import HoldExpired, RefundClosed
from reservations.queries.bookings import own_reservations
from wallet.domain.errors import BalanceTooLarge, InsufficientBalance
from wallet.providers import TopUpUnavailable


@extend_schema_view(get=extend_schema(summary="My payments, newest first"))
class Payments(ListView[Payment]):
    """GET: the caller's payments. POST: pay."""

    serializer_class = PaymentOut
    write_scope = "pay"

    def get_queryset(self) -> PaymentQuerySet:
        """The payments of the caller and of nobody else."""
        return queries.own_payments(user_id=caller_id(self.request))

    @extend_schema(
        summary="Pay reservations",
        request=PayRequest,
        responses={
            201: OpenApiResponse(ReceiptOut, description="Paid."),
            200: OpenApiResponse(ReceiptOut, description="All of it had been paid before."),
            202: OpenApiResponse(
                PaymentBegunOut,
                description="By card: begun. Do what `charge.next` says, then poll `GET wallet/charges/{id}/`.",
            ),
        },
    )
    @refuses(
        InsufficientBalance,
        TopUpUnavailable,
        BalanceTooLarge,
        PaymentUnderWay,
        reservations=[Invalid, NotFound, HoldExpired],
    )
    def post(self, request: Request) -> HttpResponse:
        body = validated(PayRequest, request.data)
        fan, reservations = caller_id(request), body["reservations"]
        if body.get("pay_with", WALLET) == WALLET:
            receipt = checkout.pay(user_id=fan, reservation_ids=reservations)
            return answer(receipt_out(receipt), status=201 if receipt.is_new else 200)
        paid = card_checkout.pay(user_id=fan, reservation_ids=reservations, is_by_app=True)
        if isinstance(paid, PaidAtOnce):
            return answer(receipt_out(paid.receipt), status=201 if paid.is_new else 200)
        shown = own_reservations(user_id=fan).filter(pk__in=reservations).order_by("pk")
        return answer(payment_begun_out(paid, shown), status=202)


class OwnPayment(View):
    """GET: one payment of the caller."""

    @extend_schema(summary="One payment", responses=PaymentOut)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(PaymentOut(queries.own(pk, user_id=caller_id(request))).data)


class Cancel(View):
    """POST: cancel a reservation; what was paid goes back, less the fee, to the wallet or on to the card."""

    @extend_schema(summary="Cancel a reservation", request=CancelRequest, responses=CanceledOut)
    @refuses(RefundClosed, FeeChanged, BalanceTooLarge)
    def post(self, request: Request, pk: int) -> HttpResponse:
        body = validated(CancelRequest, request.data)
        done = card_refunds.cancel(
            user_id=caller_id(request),
            reservation_id=pk,
            agreed=body.get("agreed_fee"),
            refund_to=RefundTo(body.get("refund_to", settings.REFUND_TO)),
        )
        return answer(canceled_out(done))
