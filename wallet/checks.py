"""What is wrong with the wallet's configuration, told before the first request."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from wallet.domain import providers


@register
def provider_is_usable(**kwargs: Any) -> list[CheckMessage]:  # Any: Django hands over what a check may need
    """WALLET_PROVIDER names a provider, and not the sandbox in production."""
    name = settings.WALLET_PROVIDER
    if not name:
        return []
    try:
        found = providers.provider_named(name)
    except ImportError:
        return [Error(f"WALLET_PROVIDER={name} is no provider: give the dotted path of one.", id="wallet.E001")]
    if found is providers.sandbox and settings.IS_PRODUCTION:
        return [
            Error(
                "WALLET_PROVIDER=sandbox gives money away: unset it, or name a real provider.",
                id="wallet.E002",
            )
        ]
    return []
