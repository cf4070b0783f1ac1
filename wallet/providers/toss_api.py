"""Toss Payments' API over HTTP: keys, times to wait, and which answer is a definite no."""

import threading
from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings

from wallet.providers.base import ProviderAway, ProviderRefused
from wallet.providers.breaker import ProviderBreaker

CONNECT_TIMEOUT = 3
FIRST_ERROR, FIRST_FAULT = 400, 500
NOT_FOUND = {"NOT_FOUND", "NOT_FOUND_PAYMENT", "NOT_FOUND_PAYMENT_SESSION"}
# The house's key is no good: that says nothing about a payment.
REFUSED_KEYS = {"UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_REQUEST"}
# Answered with 4xx, and yet the payment may be made, or be under way: another request was first, or a bank is silent.
OPEN = {
    "ALREADY_PROCESSED_PAYMENT",
    "FORBIDDEN_CONSECUTIVE_REQUEST",
    "IDEMPOTENT_REQUEST_PROCESSING",
    "PROVIDER_ERROR",
    "TOO_MANY_REQUESTS",
    "UNKNOWN_PAYMENT_ERROR",
}


class Api:
    """Asks it; connections are kept by thread."""

    def __init__(self) -> None:
        self.local = threading.local()
        self.breaker = ProviderBreaker("toss")

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What lies there.

        :raises ProviderRefused, ProviderAway: as `ask`
        """
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, object], *, key: str) -> Any:
        """Have something done, once a key.

        :raises ProviderRefused, ProviderAway: as `ask`
        """
        return self.ask("POST", path, json=body, headers={"Idempotency-Key": key})

    def ask(self, method: str, path: str, **options: Any) -> Any:  # Any: what requests takes, JSON
        """Ask it, and read its answer.

        :raises ProviderRefused: if it says no
        :raises ProviderAway: if there was no answer, or one that leaves open what was done
        """
        url = settings.TOSS_API_BASE + path
        auth, timeout = (settings.TOSS_SECRET_KEY, ""), (CONNECT_TIMEOUT, settings.PROVIDER_TIMEOUT)
        options |= {"auth": auth, "timeout": timeout, "allow_redirects": False}
        with self.breaker.watched():
            try:
                answer = self.answer(method, url, options)
                said = answer.json()
            except requests.RequestException as error:
                # Its words may quote the address; what kind of error it was says enough.
                raise ProviderAway(type(error).__name__) from None
        if answer.status_code < FIRST_ERROR:
            return said
        raise refusal(answer.status_code, said)

    def answer(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        """Its answer. A connection that was closed while nobody used it is opened anew: what is done is done once."""
        try:
            return self.session().request(method, url, **options)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            return self.session().request(method, url, **options)

    def session(self) -> requests.Session:
        """This thread's."""
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        session: requests.Session = self.local.session
        return session


def refusal(status: int, said: object) -> ProviderRefused | ProviderAway:
    """What an error means: a definite no, or that nobody knows. Its texts are for fans, and are left out."""
    found = said.get("code") if isinstance(said, dict) else None
    code = str(found or f"http_{status}")
    is_open = status >= FIRST_FAULT or code in OPEN | REFUSED_KEYS
    return (ProviderAway if is_open else ProviderRefused)(code, str(status))
