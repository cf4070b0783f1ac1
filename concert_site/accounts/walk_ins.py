"""Accounts of people who buy at the counter and have none: tickets belong to somebody, who never logs in.

The address leads nowhere (RFC 2606), so that no mail is ever sent there and nobody can sign up with it; who signs up
with the address that their tickets were mailed to gets an account of their own.
"""

import secrets

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext, override

from concert_site.accounts.models import User

DOMAIN = "walk-in.invalid"
IS_WALK_IN = Q(email__endswith=f"@{DOMAIN}")
LONGEST_NAME = 150


def make_walk_in(name: str = "") -> User:
    """An account that nobody can log in to: a step of the caller's transaction.

    :param name: what they are called, if they said so
    """
    walk_in = User(
        email=f"walk-in-{secrets.token_hex(8)}@{DOMAIN}",
        name=name[:LONGEST_NAME] or walk_in_name(),
        is_active=False,
        locale=settings.LANGUAGE_CODE,
    )
    walk_in.set_unusable_password()
    walk_in.save(force_insert=True)
    return walk_in


def walk_in_name() -> str:
    """What somebody without a name is called, in the language of the house."""
    with override(settings.LANGUAGE_CODE):
        return gettext("Guest")


def is_walk_in(user: User) -> bool:
    return user.email.endswith(f"@{DOMAIN}")


def lock_account(user_id: int) -> bool:
    """Lock an account until the caller's transaction ends, without waiting; false if somebody is at it.

    FOR UPDATE, unlike everywhere else: whatever begins to point at the account waits, so that the fan can't join a line
    meanwhile and book beside us.
    """
    rows = User.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=user_id, is_active=True)
    return bool(rows.values_list("pk", flat=True))
