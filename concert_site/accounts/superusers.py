"""The last superuser stays: nobody else could make another."""

from django.db import connection
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict

# Any number that nothing else locks: whoever takes a superuser's rights away takes turns.
LOCK = 0x5EED


class LastSuperuser(Conflict):
    """Without this account nobody could look after staff any more."""

    code = "last_superuser"
    detail = _("This is the last superuser who can log in. Make another superuser first.")


def require_another(user_id: int) -> None:
    """In the transaction that is to take a superuser's rights, or the account, away: refuse if it is the last one.

    Two who take each other's at once wait for one another here, and the second one counts what the first one left.

    :raises LastSuperuser: if no other superuser could log in to the admin
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    others = User.objects.filter(is_superuser=True, is_staff=True, is_active=True).exclude(pk=user_id)
    if not others.exists():
        raise LastSuperuser


def is_working_superuser(user: User) -> bool:
    """Whether this account can look after the others."""
    return user.is_superuser and user.is_staff and user.is_active
