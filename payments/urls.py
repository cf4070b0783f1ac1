"""Pages of paying, canceling and the wallet. Every address that takes a form answers a read, too."""

from concert_site.lib.web.converters import path
from payments import views
from payments.queries import statement_of
from wallet.views.wallet import top_up, wallet

# What an entry of the ledger was for is known here, above the wallet.
STATEMENT = {"read_statement": statement_of}

urlpatterns = [
    path("wallet/", wallet, STATEMENT, name="wallet"),
    path("wallet/top-up/", top_up, STATEMENT, name="top_up"),
    path("bookings/<reference:reference>/checkout/", views.checkout_page, name="checkout"),
    path("bookings/<reference:reference>/receipt/", views.receipt, name="receipt"),
    path("bookings/<reference:reference>/cancel/", views.cancel_booking, name="cancel_booking"),
    path("reservations/<id:pk>/cancel/", views.cancel_reservation, name="cancel_reservation"),
]
