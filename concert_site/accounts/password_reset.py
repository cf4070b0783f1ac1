"""What follows once an address was shown to be somebody's."""

from allauth.account.models import EmailAddress
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from concert_site.accounts.addresses import revoke_access
from concert_site.accounts.models import User

# In the session of who asked for a code for a new password: the hash of the password that it is to replace.
HASH_AT_REQUEST = "password_asked_for"


def end_foreign_sessions(request: HttpRequest, email_address: EmailAddress, **_rest: object) -> None:
    """By the code of a reset: whoever signed up, and is logged in elsewhere, wasn't the reader of this mail."""
    if request.user.pk != email_address.user_id:
        user = email_address.user
        was_of_today = request.session.get(HASH_AT_REQUEST) == hash_of_password(User.objects.get(pk=user.pk))
        revoke_access(user)
        if was_of_today:
            remember_password(request, email_address.email)


def remember_password(request: HttpRequest, email: str) -> None:
    """Remember for which password a code is asked: one that was changed meanwhile isn't replaced by it."""
    user = User.objects.of_address(email)
    request.session[HASH_AT_REQUEST] = hash_of_password(user) if user else ""


def hash_of_password(user: User) -> str:
    return salted_hmac("frontrow.reset", user.password, algorithm="sha256").hexdigest()
