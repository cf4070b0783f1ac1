"""What is wrong with the wallet's configuration, told before the first request."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from concert_site.lib.start_checks import START
from wallet.providers import provider_named


@register(START)
def provider_is_usable(**kwargs: Any) -> list[CheckMessage]:  # Any: Django hands over what a check may need
    """WALLET_PROVIDER names a provider, one that finds its own settings good; not the sandbox in production."""
    name = settings.WALLET_PROVIDER
    if not name:
        return []
    try:
        found = provider_named(name)
    except ImportError:
        return [Error(f"WALLET_PROVIDER={name} is no provider: give the dotted path of one.", id="wallet.E001")]
    return [Error(f"{line}: unset WALLET_PROVIDER, or mend it.", id="wallet.E002") for line in found.check()]
