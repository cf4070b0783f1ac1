"""Who has just confirmed who they are may change what guards the account: from the network they confirmed it from.

An access token opens the session that it was issued for. One that was stolen would be as good as its owner for the
minutes after the owner gave the password again, if that counted for the session wherever it is used.
"""

from typing import Any

from django.http import HttpRequest

from concert_site.lib.web.networks import network_of

CONFIRMED_FROM = "confirmed_from"


def note_network(*, request: HttpRequest, **_signal: Any) -> None:  # Any: the signal's
    """Remember in the session from which network somebody logged in, or confirmed it last."""
    request.session[CONFIRMED_FROM] = network_of(request)


def is_from_there(request: HttpRequest) -> bool:
    """Whether this request comes from the network that this session was confirmed from last."""
    return bool(request.session.get(CONFIRMED_FROM) == network_of(request))
