"""Who calls the API: a signed access token that nothing has ended since."""

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from concert_site.accounts import revocations
from concert_site.lib.api.authentication import AccessToken, Caller


class RevocableAccessToken(AccessToken):
    """`Authorization: Bearer <access token>`; refused at once when the session or the account has ended it."""

    def authenticate(self, request: Request) -> tuple[Caller, dict[str, object]] | None:
        """The caller and the claims; None without such a header.

        :raises NotAuthenticated: if the token is not ours, was altered, or is over
        :raises Unavailable: if neither Redis nor PostgreSQL can say whether it is
        """
        found = super().authenticate(request)
        if found is not None and revocations.is_over(found[1]):
            raise NotAuthenticated
        return found
