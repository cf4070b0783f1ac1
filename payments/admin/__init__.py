"""Payments in the admin: looked at, and refunded with a reason."""

from payments.admin.records import PaymentAdmin

__all__ = ["PaymentAdmin"]
