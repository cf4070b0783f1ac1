"""Who takes the money of a top-up: named by the setting WALLET_PROVIDER.

A provider is a function like `sandbox`. The setting names it by its short name, or by its dotted path
for one that lives elsewhere.
"""

import hashlib
from enum import Enum
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from concert_site.lib.errors import Unavailable


class Provider(Protocol):
    """Collects `amount` (minor units) from a fan, or raises a domain error and collects nothing.

    It is called outside a transaction, before the wallet is credited, and is called again with the same `reference`
    where nobody knows whether it was: then it answers as it did and collects nothing more, and another amount under
    a reference that it knows it refuses. Hand the reference on as the order's number or idempotency key.
    """

    def __call__(self, *, user_id: int, amount: int, reference: str) -> None: ...


def reference_of(*, user_id: int, idempotency_key: str) -> str:
    """What a top-up is called towards its provider: 32 hexadecimal digits, the same whenever it is asked again."""
    return hashlib.sha256(f"{user_id}:{idempotency_key}".encode()).hexdigest()[:32]


def sandbox(*, user_id: int, amount: int, reference: str) -> None:
    """Take nothing and agree: the wallet is credited at once. For demo and test alone."""


PROVIDERS: dict[str, Provider] = {"sandbox": sandbox}


def provider_named(name: str) -> Provider:
    """The provider of a short name or dotted path.

    :raises ImportError: if there is none
    """
    provider: Provider = PROVIDERS.get(name) or import_string(name)
    return provider


def current_provider() -> Provider:
    """The provider in force.

    :raises Unavailable: if none is configured, or it is the sandbox and this is production
    """
    if not settings.WALLET_PROVIDER:
        raise Unavailable
    found = provider_named(settings.WALLET_PROVIDER)
    if found is sandbox and settings.IS_PRODUCTION:
        raise Unavailable
    return found


class TopUpMode(Enum):
    """What a fan who wants to top up can expect."""

    REAL = "real"
    SANDBOX = "sandbox"
    NONE = "none"


def top_up_mode() -> TopUpMode:
    """Whether money can be taken now, and whether it is real."""
    try:
        return TopUpMode.SANDBOX if current_provider() is sandbox else TopUpMode.REAL
    except Unavailable:
        return TopUpMode.NONE
