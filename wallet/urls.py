"""Pages of one top-up and of withdrawing, and the sandbox's. Every address that takes a form answers a read, too."""

from django.urls import path

from wallet.views import sandbox, top_ups, webhooks
from wallet.views.withdrawals import withdraw

urlpatterns = [
    path("wallet/withdraw/", withdraw, name="withdraw"),
    path("wallet/top-ups/<slug:reference>/", top_ups.status, name="top_up_status"),
    path("wallet/top-ups/<slug:reference>/pay/", top_ups.pay, name="top_up_pay"),
    path("wallet/top-ups/<slug:reference>/give-up/", top_ups.give_up, name="top_up_give_up"),
    path("webhooks/<str:provider>/", webhooks.receive, name="webhook"),
    path("wallet/top-ups/<slug:reference>/receipt/", top_ups.receipt, name="top_up_receipt"),
    path("sandbox/<slug:reference>/", sandbox.sandbox_page, name="sandbox_payment"),
]
