"""Reads of payments."""

from concert_site.lib.errors import NotFound
from payments.models import Payment, PaymentQuerySet


def own_payments(*, user_id: int) -> PaymentQuerySet:
    """A fan's payments, newest first."""
    return Payment.objects.of(user_id=user_id).order_by("-pk")


def own(payment_id: int, *, user_id: int) -> Payment:
    """One payment of a fan.

    :raises NotFound: if there is none, or it is someone else's
    """
    found = own_payments(user_id=user_id).filter(pk=payment_id).first()
    if found is None:
        raise NotFound
    return found
