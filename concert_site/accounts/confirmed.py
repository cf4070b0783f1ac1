"""What follows once an address was shown to be somebody's."""

from allauth.account.models import EmailAddress
from django.http import HttpRequest

from concert_site.accounts.addresses import shut_out


def leave_nothing_of_strangers(request: HttpRequest, email_address: EmailAddress, **_rest: object) -> None:
    """By the code of a reset: whoever signed up, and is logged in elsewhere, wasn't the reader of this mail."""
    if request.user.pk != email_address.user_id:
        shut_out(email_address.user)
