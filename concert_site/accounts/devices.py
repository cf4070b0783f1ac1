"""Devices and networks that an account was logged in from before: strangers' guesses don't shut these out.

A device shows a signed token, which is no login: it only has its guesses counted apart from everybody else's
(the "device cookie" of OWASP). A network is remembered in PostgreSQL, as a hash of it with the account's address.
"""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from allauth.core.internal.httpkit import is_headless_request
from django.conf import settings
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from concert_site.accounts.models import KnownNetwork, User
from concert_site.lib.web.networks import network_of
from concert_site.lib.web.prefixes import ACCOUNT_PAGES

COOKIE = "device"
HEADER = "X-Device-Token"
# The login and all that belongs to it: sent anywhere else, the cookie would only make public pages personal.
COOKIE_PATH = ACCOUNT_PAGES
SALT = "frontrow.device"
# Browsers keep no cookie longer.
GOOD_FOR = timedelta(days=400)
# A family's tablet. Who logged in longest ago is the first to be forgotten.
MOST_ACCOUNTS = 5
MOST_NETWORKS = 20

REMEMBER = """
insert into known_network (account, network, last_login_at) values (%(account)s, %(network)s, now())
on conflict (account, network) do update set last_login_at = excluded.last_login_at
"""
# What is behind the newest so many, and what is too old.
FORGET = """
delete from known_network where account = %(account)s and (last_login_at < %(oldest)s or id in (
    select id from known_network where account = %(account)s order by last_login_at desc, id desc offset %(most)s
))
"""


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its own name, and the accounts that were logged in on it, the newest last."""

    name: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    accounts: tuple[str, ...] = ()

    def knows(self, account: str) -> bool:
        return account in self.accounts

    def with_account(self, account: str) -> "Device":
        others = [known for known in self.accounts if known != account]
        return Device(self.name, (*others, account)[-MOST_ACCOUNTS:])

    def token(self) -> str:
        return signing.dumps([self.name, *self.accounts], salt=SALT)


def account_key(email: str) -> str:
    """Stands for an address where the address itself needn't be known."""
    return keyed_hash("account", email.strip().lower())


def keyed_hash(kind: str, text: str) -> str:
    """A hash that can't be tried out without SECRET_KEY; 32 hex digits."""
    return salted_hmac(f"frontrow.{kind}", text, algorithm="sha256").hexdigest()[:32]


def device_of(request: HttpRequest) -> Device | None:
    token = request.headers.get(HEADER) or request.COOKIES.get(COOKIE)
    if not token:
        return None
    try:
        name, *accounts = signing.loads(token, salt=SALT, max_age=GOOD_FOR)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Device(name, tuple(accounts))


def is_known_network(request: HttpRequest, account: str) -> bool:
    oldest = timezone.now() - GOOD_FOR
    known = KnownNetwork.objects.filter(account=account, network=_network_key(request, account))
    return known.filter(last_login_at__gte=oldest).exists()


def remember(request: HttpRequest, email: str) -> None:
    """Note that an account was just logged in; the answer to this request brings the device's token.

    Only after its password, its mailbox, or another proof of it: whoever is remembered is trusted to guess apart.
    """
    account = account_key(email)
    request.device_token = (device_of(request) or Device()).with_account(account).token()  # type: ignore[attr-defined]
    names = {"account": account, "network": _network_key(request, account)}
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, names)
        cursor.execute(FORGET, {"account": account, "oldest": timezone.now() - GOOD_FOR, "most": MOST_NETWORKS})


def remember_after_reset(*, request: HttpRequest, user: User, **_signal: object) -> None:
    """Whoever has chosen a new password by a code read the mail: their device is let in, whatever strangers do."""
    remember(request, user.email)


def new_token(request: HttpRequest) -> str | None:
    """The device's token, if this request made one."""
    token: str | None = getattr(request, "device_token", None)
    return token


def keep_in_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Hand the token to a browser; apps find theirs in the answer itself."""
    token = new_token(request)
    # allauth's note of which client asks is there on its own API alone.
    if token is None or is_headless_request(request):
        return
    response.set_cookie(
        COOKIE,
        token,
        max_age=GOOD_FOR,
        path=COOKIE_PATH,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def _network_key(request: HttpRequest, account: str) -> str:
    return keyed_hash("network", f"{account} {network_of(request)}")
