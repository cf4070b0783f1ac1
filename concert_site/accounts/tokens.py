"""Access tokens for scripts, load tests and tests."""

from allauth.headless.tokens.strategies.jwt.internal import create_token
from django.conf import settings

# The claim of access tokens that were issued before the account's address was verified.
UNVERIFIED = "address_unverified"
# How long a token of a load test is good, which has no refresh token; production makes none.
LOAD_TEST_TOKEN_SECONDS = 12 * 3600


def longest_life() -> int:
    """For how many seconds an access token may be good here."""
    issued = int(settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN)
    return issued if settings.IS_PRODUCTION else max(issued, LOAD_TEST_TOKEN_SECONDS)


def create_access_token_for(user_id: int, seconds: int) -> str:
    """An access token like those that a login hands out, good for `seconds`.

    No session stands behind it, so it can't be refreshed. It is of before anything that ended this account's tokens.
    """
    token, _ = create_token("access", sub=str(user_id), sid="", expires_in=seconds)
    return str(token)
