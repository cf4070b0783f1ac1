"""Accounts in the admin: its login, and what other apps bring for accounts, which is taken out again.

Staff give permissions to people, not to groups, and accounts of social logins and addresses follow the user.
"""

from typing import Any

from allauth.account import admin as _account_admin  # noqa: F401  registers EmailAddress
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.socialaccount import admin as _social_admin  # noqa: F401  registers the three below
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import admin as _auth_admin  # noqa: F401  registers Group
from django.contrib.auth.models import Group

# Django imports the admin modules in the order of INSTALLED_APPS, this one before the three above. Imported here
# they have registered their models for certain, and won't be run a second time.
admin.site.site_header = admin.site.site_title = "Frontrow"
admin.site.unregister([Group, EmailAddress, SocialAccount, SocialApp, SocialToken])


class ThrottledLogin(AdminAuthenticationForm):
    """The admin's login, where guessing is as slow as at the API's: Django's own has no limit at all."""

    def clean(self) -> dict[str, Any]:  # Any: Django's signature
        """Look up who this is.

        :raises ValidationError: if it is nobody who may come in, or there were too many wrong guesses
        """
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password:
            self.user_cache = get_adapter(self.request).authenticate(self.request, email=email, password=password)
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


admin.site.login_form = ThrottledLogin
