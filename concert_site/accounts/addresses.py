"""The addresses that allauth keeps beside the user's own."""

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict


def change_address(user: User, email: str) -> None:
    """Let the user log in with another address, and with no other.

    :raises Conflict: if it became another account's meanwhile
    """
    try:
        with transaction.atomic(durable=True):
            user.email = email.lower()
            user.save(update_fields=["email"])
            move_address(user)
    except IntegrityError as error:
        raise Conflict(_("Another account has this address."), attr="email") from error


def move_address(user: User) -> None:
    """Make the user's address the only one that opens the account: a step of the caller's transaction.

    Staff change an address because the old one is lost or was somebody else's, so no old one may stay behind. An
    account that allauth has no address of needs none: it is found by the user's own.
    """
    old, _count = EmailAddress.objects.filter(user=user).delete()
    if old:
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
