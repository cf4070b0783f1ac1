"""Payments in the admin: looked at, and refunded with a reason."""

from payments.admin.date_cancellation import add_to_date_pages
from payments.admin.records import PaymentAdmin
from payments.admin.till import TillEntryAdmin

__all__ = ["PaymentAdmin", "TillEntryAdmin"]

add_to_date_pages()
