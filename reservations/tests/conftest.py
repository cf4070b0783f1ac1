"""What the tests of this app share."""

import pytest

from concert_site.accounts.tests.factories import make_staff


@pytest.fixture
def staff(client):
    """The browser of a superuser."""
    client.force_login(make_staff())
    return client
