"""The wallet under api/v1/."""

from concert_site.lib.web.converters import path
from wallet.api import views, withdrawals

urlpatterns = [
    path("wallet/", views.OwnWallet.as_view(), name="wallet"),
    path("wallet/charges/", views.Charges.as_view(), name="wallet-charges"),
    path("wallet/charges/<id:pk>/", views.OwnCharge.as_view(), name="wallet-charge"),
    path("wallet/withdrawals/", withdrawals.Withdrawals.as_view(), name="wallet-withdrawals"),
    path("wallet/withdrawals/<id:pk>/", withdrawals.OwnWithdrawal.as_view(), name="wallet-withdrawal"),
    path("wallet/history/", views.History.as_view(), name="wallet-history"),
]
