"""What allauth's API says beside its own."""

from allauth.headless.adapter import DefaultHeadlessAdapter
from django.http import HttpRequest

from concert_site.accounts.devices import new_token


class HeadlessAdapter(DefaultHeadlessAdapter):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, and the token of the device that was just logged in on."""

    def populate_response_meta(self, request: HttpRequest, meta: dict[str, object]) -> None:
        super().populate_response_meta(request, meta)
        token = new_token(request)
        if token is not None:
            meta["device_token"] = token
