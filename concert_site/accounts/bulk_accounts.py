"""Accounts by the thousand, for load tests and tests."""

import secrets

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import transaction

from concert_site.accounts.models import User

BATCH = 1_000


@transaction.atomic(durable=True)
def make_fans(count: int, password: str) -> list[User]:
    """Make `count` fans who share a password, and its hash: hashing it for each would take minutes.

    Their addresses are of a domain that is nobody's (RFC 2606), new with each run, and count as verified.
    """
    run, shared_hash = secrets.token_hex(6), make_password(password)
    fans = User.objects.bulk_create(
        [User(email=f"fan-{run}-{number}@fans.example", password=shared_hash) for number in range(1, count + 1)],
        batch_size=BATCH,
    )
    addresses = (EmailAddress(user=fan, email=fan.email, primary=True, verified=True) for fan in fans)
    EmailAddress.objects.bulk_create(addresses, batch_size=BATCH)
    return fans
