"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# What one household or one server is given at least; who has it may write from any address in it.
IPV6_PREFIX = 64
NOWHERE = "unknown"


def client_address(request: HttpRequest) -> str:
    """The address of who asked; behind our proxy, what the proxy says, and only what it added itself.

    Without BEHIND_PROXY anybody may write anything into X-Forwarded-For, so it is not looked at.
    """
    if settings.BEHIND_PROXY:
        forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR") or "")


def without_port(text: str) -> str:
    """An address that a proxy wrote with the port it came from, without it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def network_of(request: HttpRequest) -> str:
    """The network that a request comes from: an IPv4 address as it is, of an IPv6 address its /64.

    A whole IPv4 neighbourhood is never taken together: strangers live there, and addresses cost money. What is
    spread over many is counted by the account that it is aimed at. What is no address is one network of its own.
    """
    text = without_port(client_address(request)).partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return NOWHERE
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def caller_of(request: HttpRequest) -> str:
    """Whose budget a request counts to: the account's, or its network's for who has none."""
    return f"u{request.user.pk}" if request.user.is_authenticated else f"a{network_of(request)}"
