"""Closing an account: it is erased, and whoever had it is told so, at the address that was theirs until then."""

from allauth.account.adapter import get_adapter
from django.utils.translation import override

from concert_site.accounts.adapter import site
from concert_site.accounts.background_mail import send_in_background
from concert_site.accounts.models import User
from concert_site.accounts.walk_ins import is_walk_in
from concert_site.operations.personal_data import erasing

BY_FAN, BY_STAFF = "account/email/account_closed", "account/email/account_closed_by_staff"


def close(user: User, *, by_staff: bool = False) -> bool:
    """Erase an account, and tell whose it was, in the account's language. Whether there is an address to tell.

    The mail goes the way of all mails about accounts: no table keeps it, for none may keep the address.

    :param user: as read before: who it was is in no row afterwards
    :raises Conflict: as `erasing.erase`; then nobody is told anything
    """
    erasing.erase(user.pk)
    if is_walk_in(user):
        return False
    with override(user.locale or None):
        told = {"current_site": site(), "email": user.email}
        message = get_adapter().render_mail(BY_STAFF if by_staff else BY_FAN, user.email, told)
    send_in_background(message)
    return True
