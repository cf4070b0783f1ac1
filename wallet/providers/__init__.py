"""Who takes the money of a top-up: named by the setting WALLET_PROVIDER.

The setting names a provider by its short name, or by the dotted path of a class for one that lives elsewhere. A top-up
remembers its own, so that a house can change its provider while money is still on its way.
"""

from enum import Enum
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict
from wallet.providers.base import Provider

SANDBOX = "sandbox"


class TopUpUnavailable(Conflict):
    """This house takes no money online."""

    code = "top_up_unavailable"
    detail = _("Wallets can’t be topped up online here. Please ask the box office.")


@cache
def provider_named(name: str) -> Provider:
    """The provider of a short name or dotted path.

    :raises ImportError: if there is none
    """
    found = import_string(settings.PROVIDER_CLASSES.get(name, name))
    if not isinstance(found, type):
        raise ImportError(f"{name} is no class")  # noqa: TRY004  as of any name that leads to none
    made: Provider = found()
    return made


def gives_money_away(name: str) -> bool:
    """Whether it is the sandbox, and this is production."""
    return name == SANDBOX and settings.IS_PRODUCTION


def current_provider() -> Provider:
    """The provider that new top-ups go to.

    :raises TopUpUnavailable: if none is configured, or it is the sandbox and this is production
    """
    name = settings.WALLET_PROVIDER
    if not name or gives_money_away(name):
        raise TopUpUnavailable
    return provider_named(name)


def can_refund(name: str) -> bool:
    """Whether what came by this provider can go back by it: not so what was credited before there were any."""
    try:
        provider_named(name)
    except ImportError:
        return False
    return not gives_money_away(name)


class TopUpMode(Enum):
    """What a fan who wants to top up can expect."""

    REAL = "real"
    SANDBOX = "sandbox"
    NONE = "none"


def top_up_mode() -> TopUpMode:
    """Whether money can be taken now, and whether it is real."""
    try:
        return TopUpMode.SANDBOX if current_provider().name == SANDBOX else TopUpMode.REAL
    except TopUpUnavailable:
        return TopUpMode.NONE
