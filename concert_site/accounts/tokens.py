"""Access tokens for scripts, rehearsals and tests."""

from allauth.headless.tokens.strategies.jwt.internal import create_token


def create_access_token_for(user_id: int, seconds: int) -> str:
    """An access token like those that a login hands out, good for `seconds`.

    No session stands behind it, so it can't be refreshed.
    """
    token, _ = create_token("access", sub=str(user_id), sid="", expires_in=seconds)
    return str(token)
