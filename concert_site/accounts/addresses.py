"""The addresses that allauth keeps beside the user's own."""

from allauth.account.models import EmailAddress

from concert_site.accounts.models import User


def move_address(user: User) -> None:
    """Make the user's address the only one that opens the account: a step of the caller's transaction.

    Staff change an address because the old one is lost or was somebody else's, so no old one may stay behind. An
    account that allauth has no address of needs none: it is found by the user's own.
    """
    old, _count = EmailAddress.objects.filter(user=user).delete()
    if old:
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
