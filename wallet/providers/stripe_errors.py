"""What Stripe's library raises, in our words: a definite no, or that nobody knows."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from wallet.providers.base import ProviderAway, ProviderRefused
from wallet.providers.breaker import ProviderBreaker

BAD, CONFLICT, TOO_MANY, BROKEN = 400, 409, 429, 500
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = "unauthorized", "forbidden", "resource_missing"
# Where the answer names no code.
CODES = {401: UNAUTHORIZED, 403: FORBIDDEN, 404: NOT_FOUND}
# The house's key is no good: that says nothing about a payment.
REFUSED_KEYS = {UNAUTHORIZED, FORBIDDEN}
BREAKER = ProviderBreaker("stripe")


@contextmanager
def asking() -> Iterator[None]:
    """Say in our words what the library raises: a definite no, or that nobody knows.

    :raises ProviderRefused: what Stripe has refused by a code
    :raises ProviderAway: if there was no answer, or one that leaves open what was done
    """
    with BREAKER.watched():
        try:
            yield
        except stripe.StripeError as error:
            raise meaning_of(error) from None


def meaning_of(error: stripe.StripeError) -> ProviderRefused | ProviderAway:
    """Whether it is a definite no."""
    status = error.http_status or 0
    # Of what Stripe says, the number of the request alone: texts may quote what was sent.
    code, detail = code_of(error), f"{status} {error.request_id or ''}".strip()
    is_no = BAD <= status < BROKEN and status not in (CONFLICT, TOO_MANY)
    return (ProviderRefused if is_no else ProviderAway)(code, detail)


def code_of(error: stripe.StripeError) -> str:
    """Why, in a word: why the bank declined, Stripe's code, or what the answer's status means."""
    said = (error.json_body or {}).get("error") if isinstance(error.json_body, dict) else None
    details = said if isinstance(said, dict) else {}
    found = details.get("decline_code") or error.code or CODES.get(error.http_status or 0) or details.get("type")
    return str(found or type(error).__name__)


@contextmanager
def knowing() -> Iterator[None]:
    """Where a question is refused, nobody knows the answer.

    :raises ProviderAway: for a refusal
    """
    try:
        yield
    except ProviderRefused as error:
        raise ProviderAway(error.code, error.detail) from error
