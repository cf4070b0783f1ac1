"""Accounts for tests, with dull defaults."""

from itertools import count

from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from concert_site.accounts.models import User
from concert_site.accounts.revocations import revocations
from concert_site.accounts.tokens import create_access_token_for

numbers = count(1)


def make_fan(*, email: str | None = None, password: str | None = None, **fields: object) -> User:
    """A fan. Without a password nobody can log in as them, and no hash costs time."""
    # As in a process that has been asked before: who counts the statements of a request counts no reading of this.
    revocations.clear()
    revocations.get()
    return User.objects.create_user(email or f"fan{next(numbers)}@example.com", password, **fields)


def make_staff(**fields: object) -> User:
    """A member of staff who may do everything."""
    return make_fan(**{"email": f"staff{next(numbers)}@example.com", "is_staff": True, "is_superuser": True} | fields)


def make_clerk(*codenames: str, **fields: object) -> User:
    """A member of staff who may do what these permissions say, and nothing else."""
    clerk = make_staff(**{"is_superuser": False} | fields)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return clerk


def api_of(user: User | None = None) -> APIClient:
    """A client of the API: with this user's access token, or with none."""
    client = APIClient(raise_request_exception=False)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_access_token_for(user.pk, 3600)}")
    return client
