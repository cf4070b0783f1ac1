"""What of allauth is offered here: these operations of its API and these pages, and nothing else that it brings.

A new release may bring more. What isn't written here is closed until somebody has asked what a stolen access token
could do with it: an access token opens allauth's session, so whatever could lock out the owner, or take the account
over, asks for the password or a fresh login.
"""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from concert_site.lib.web.prefixes import ACCOUNT_PAGES, ALLAUTH_API, ALLAUTH_APP

GET, POST, PUT, DELETE = "GET", "POST", "PUT", "DELETE"
# Below ALLAUTH_APP, and the methods. HEAD goes with GET.
OPERATIONS: dict[str, frozenset[str]] = {
    name: frozenset(methods)
    for name, methods in {
        "config": [GET],
        "auth/signup": [GET, POST],
        "auth/login": [POST],
        "auth/session": [GET, DELETE],
        "auth/sessions": [GET, DELETE],
        "auth/reauthenticate": [POST],
        "auth/reauthenticate/code/request": [POST],
        "auth/reauthenticate/code/confirm": [POST],
        "auth/reauthenticate/code/resend": [POST],
        "auth/email/verify": [GET, POST],
        "auth/email/verify/resend": [POST],
        "auth/password/request": [POST],
        "auth/password/reset": [GET, POST],
        "auth/2fa/authenticate": [POST],
        "auth/2fa/reauthenticate": [POST],
        "auth/webauthn/login": [GET, POST],
        "auth/webauthn/authenticate": [GET, POST],
        "auth/webauthn/reauthenticate": [GET, POST],
        "auth/provider/token": [POST],
        "auth/provider/signup": [GET, POST],
        "account/email": [GET, POST, PUT],
        "account/password/change": [POST],
        "account/providers": [GET, DELETE],
        "account/authenticators": [GET],
        "account/authenticators/totp": [GET, POST, DELETE],
        "account/authenticators/recovery-codes": [GET, POST],
        "account/authenticators/webauthn": [GET, POST, PUT, DELETE],
        "tokens/refresh": [POST],
    }.items()
}
# By the names of their addresses.
ALLOWED_PAGES = frozenset(
    {
        "account_login",
        "account_logout",
        "account_inactive",
        "account_signup",
        "account_reauthenticate",
        "account_request_reauthentication_code",
        "account_confirm_reauthentication_code",
        "account_email",
        "verify_address",
        "account_change_password",
        "account_set_password",
        "account_reset_password",
        "account_confirm_password_reset_code",
        "account_complete_password_reset",
        "account_password_reset_completed",
        "profile",
        "language",
        "personal_data",
        "export_personal_data",
        "close_account",
        "account_closed",
        "mfa_index",
        "mfa_authenticate",
        "mfa_reauthenticate",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_remove_webauthn",
        "mfa_edit_webauthn",
        "mfa_login_webauthn",
        "mfa_reauthenticate_webauthn",
        "account_sessions",
        "socialaccount_login_cancelled",
        "socialaccount_login_error",
        "socialaccount_signup",
        "socialaccount_connections",
    }
)
PROVIDER_STEPS = ("login", "callback")


def is_allowed_page(name: str | None) -> bool:
    """Whether a page of accounts is one of ours; a provider's are while the house has an account with it."""
    provider, _, step = (name or "").partition("_")
    return name in ALLOWED_PAGES or (step in PROVIDER_STEPS and provider in settings.SOCIALACCOUNT_PROVIDERS)


def is_allowed(method: str, path: str) -> bool:
    return method.upper() in OPERATIONS.get(path.removeprefix(ALLAUTH_APP), ())


class AllauthAllowlistMiddleware(MiddlewareMixin):
    """Middleware: what of allauth isn't offered isn't there."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return refusal_of(request) if request.path.startswith(ALLAUTH_API) else None

    def process_view(self, request: HttpRequest, view: object, args: Any, kwargs: Any) -> None:  # Any: Django's
        """Close the pages that aren't offered.

        :raises Http404: for one of them
        """
        match = request.resolver_match
        if request.path.startswith(ACCOUNT_PAGES) and not is_allowed_page(match.url_name if match else None):
            raise Http404


def refusal_of(request: HttpRequest) -> HttpResponse | None:
    """404 or 405 in allauth's shape for an operation that isn't offered; None for one that is."""
    methods = OPERATIONS.get(request.path.removeprefix(ALLAUTH_APP)) if request.path.startswith(ALLAUTH_APP) else None
    if methods is None:
        return JsonResponse({"status": 404}, status=404)
    method = GET if request.method == "HEAD" else request.method
    if method in methods:
        return None
    return JsonResponse({"status": 405}, status=405, headers={"Allow": ", ".join(sorted(methods))})
