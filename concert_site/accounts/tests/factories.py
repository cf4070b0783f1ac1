"""Accounts for tests, with dull defaults."""

from itertools import count

from concert_site.accounts.models import User

numbers = count(1)


def make_fan(*, email: str | None = None, password: str | None = None, **fields: object) -> User:
    """A fan. Without a password nobody can log in as them, and no hash costs time."""
    return User.objects.create_user(email or f"fan{next(numbers)}@example.com", password, **fields)


def make_staff(**fields: object) -> User:
    """A member of staff who may do everything."""
    return make_fan(
        **{"email": f"staff{next(numbers)}@example.com", "is_staff": True, "is_superuser": True} | fields
    )
