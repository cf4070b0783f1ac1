"""How often passwords and codes may be guessed, and by whom: slow for who guesses, not for whose account it is.

Who asks is told apart, from the most to the least known, and each kind is counted by itself:

1. a session of the account (who confirms the password), by the session;
2. a device that was logged in before, by the device;
3. a network that was logged in from before, by that network and account;
4. everybody else: by network and account, by the account over all of them, and by the network over all accounts.

What is counted under 4 shuts out nobody of 1 to 3, however many networks it comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import ngettext

from concert_site.accounts.devices import account_key, device_of, is_known_network
from concert_site.lib.attempt_limits import Counter, Limit, give_back, take
from concert_site.lib.errors import TooManyRequests
from concert_site.lib.web.networks import network_of

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Of who is known by session or device; of a network with an account; of an account, and of a network, over all."""

    device: Sequence[Limit]
    pair: Sequence[Limit]
    account: Sequence[Limit]
    network: Sequence[Limit]


# Guesses that were wrong. A phone network has many people behind one address, of whom some mistype.
GUESSES = AttemptLimits(
    device=(Limit("device", 10, 5 * MINUTE), Limit("device-day", 60, DAY)),
    pair=(Limit("pair", 5, 5 * MINUTE), Limit("pair-day", 40, DAY)),
    account=(Limit("account", 50, HOUR),),
    network=(Limit("network", 100, MINUTE), Limit("network-hour", 1_000, HOUR)),
)
# Mails with a code, asked for.
MAILS = AttemptLimits(
    device=(Limit("reset-device", 5, HOUR),),
    pair=(Limit("reset-pair", 3, 15 * MINUTE),),
    account=(Limit("reset-account", 6, HOUR),),
    network=(Limit("reset-network", 60, 10 * MINUTE),),
)
# Forms of a sign-up, sent.
SIGN_UPS_PER_NETWORK = (Limit("signup", 60, MINUTE), Limit("signup-hour", 300, HOUR))


class TooManyAttempts(TooManyRequests):
    """Too many attempts by this caller, right ones included as long as it lasts."""

    code = "too_many_login_attempts"

    def __init__(self, seconds: float) -> None:
        self.retry_after_seconds = seconds
        minutes = max(1, -(-int(seconds) // MINUTE))
        super().__init__(
            ngettext(
                "Too many attempts. Please try again in a minute.",
                "Too many attempts. Please try again in %(minutes)d minutes.",
                minutes,
            )
            % {"minutes": minutes}
        )


Counters = Sequence[Counter]


def admit_guess(request: HttpRequest, email: str, *, kind: str = "password") -> Counters:
    """Count a guess at the password, or another secret, of an account before it is looked at.

    It costs the same whether there is such an account or not.

    :returns: what was counted; given back (`forgive`) if the guess was right
    :raises TooManyAttempts: if this caller has guessed too often; the secret must then not be looked at
    """
    return admit(counters_of(request, email, GUESSES, kind))


def admit_reset(request: HttpRequest, email: str) -> None:
    """Count a mail with a code that somebody asks for, whether the account exists or not.

    :raises TooManyAttempts: if too many were asked for
    """
    admit(counters_of(request, email, MAILS, "mail"))


def admit_sign_up(request: HttpRequest) -> None:
    """Count a form of a sign-up, whatever is in it.

    :raises TooManyAttempts: if too many came from this network
    """
    admit(counters(SIGN_UPS_PER_NETWORK, network_of(request)))


def counters_of(request: HttpRequest, email: str, limits: AttemptLimits, kind: str) -> Counters:
    """What a try of this kind counts with, by how well it is known who asks."""
    account, network = account_key(email), network_of(request)
    subject = f"{kind} {account}"
    own = caller_of(request, email)
    if own is not None:
        return counters(limits.device, f"{own} {subject}")
    pair = counters(limits.pair, f"{network} {subject}")
    if is_known_network(request, account):
        return pair
    return [*pair, *counters(limits.account, subject), *counters(limits.network, f"{kind} {network}")]


def caller_of(request: HttpRequest, email: str) -> str | None:
    """The session or device of this account that asks; None if it is neither."""
    user = request.user
    if user.is_authenticated and user.email == email.strip().lower():
        return f"session {request.session.session_key or user.pk}"
    device = device_of(request)
    return f"device {device.name}" if device is not None and device.knows(account_key(email)) else None


def counters(limits: Sequence[Limit], subject: str) -> list[Counter]:
    return [Counter(limit, subject) for limit in limits]


def admit(counted: Counters) -> Counters:
    """Count with all of these; with none if THROTTLE is off.

    :raises TooManyAttempts: if one of them is full
    """
    if not settings.THROTTLE:
        return ()
    seconds = take(counted)
    if seconds:
        raise TooManyAttempts(seconds)
    return counted


def forgive(counted: Counters) -> None:
    """The guess was right: it counts no more."""
    give_back(counted)
