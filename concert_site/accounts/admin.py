"""Accounts in the admin: what other apps bring for them is taken out again.

Staff give permissions to people, not to groups, and accounts of social logins and addresses follow the user.
"""

from allauth.account import admin as _account_admin  # noqa: F401  registers EmailAddress
from allauth.account.models import EmailAddress
from allauth.socialaccount import admin as _social_admin  # noqa: F401  registers the three below
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth import admin as _auth_admin  # noqa: F401  registers Group
from django.contrib.auth.models import Group

# Django imports the admin modules in the order of INSTALLED_APPS, this one before the three above. Imported here
# they have registered their models for certain, and won't be run a second time.
admin.site.unregister([Group, EmailAddress, SocialAccount, SocialApp, SocialToken])
