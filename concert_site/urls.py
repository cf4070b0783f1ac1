"""Every address of the site. /healthz and /readyz are answered before (concert_site.operations.health)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from concert_site.house.models import PageKind
from concert_site.views import api_docs, house, offline, personal_data, robots

api: list[URLPattern | URLResolver] = [
    path("", include("reservations.api.catalogue_urls")),
    path("", include("reservations.api.urls")),
    path("", include("payments.api.urls")),
    path("", include("wallet.api.urls")),
    path("schema/", api_docs.Schema.as_view(), name="schema"),
    path("docs/", api_docs.Docs.as_view(), name="docs"),
]

urlpatterns = [
    path("", include("reservations.urls")),
    path("", include("payments.urls")),
    path("", include("wallet.urls")),
    path("help/", house.written, {"kind": PageKind.HELP}, name="help"),
    path("terms/", house.written, {"kind": PageKind.TERMS}, name="terms"),
    path("privacy/", house.written, {"kind": PageKind.PRIVACY}, name="privacy"),
    path("refund-policy/", house.refund_policy, name="refund_policy"),
    path("accounts/data/", personal_data.personal_data, name="personal_data"),
    path("accounts/data/download/", personal_data.export_personal_data, name="export_personal_data"),
    path("accounts/close/", personal_data.close_account, name="close_account"),
    path("accounts/closed/", personal_data.account_closed, name="account_closed"),
    path("accounts/", include("concert_site.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include((api, "api"))),
    path("_allauth/app/v1/", include("concert_site.accounts.api_urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("admin/", admin.site.urls),
    path("service-worker.js", offline.worker, name="service_worker"),
    path("offline/", offline.offline, name="offline"),
    path("offline/sent/", offline.offline, {"is_sent": True}, name="offline_sent"),
    path("robots.txt", robots.robots),
    path("favicon.ico", robots.icon),
]

handler400 = "concert_site.views.errors.bad_request"
handler403 = "concert_site.views.errors.permission_denied"
handler404 = "concert_site.views.errors.not_found"
# allauth looks for this one.
handler429 = "concert_site.views.errors.too_many_requests"
handler500 = "concert_site.views.errors.server_error"
