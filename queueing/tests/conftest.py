"""What every test of the waiting room starts from."""

import pytest

from concert_site.lib.cache import forget_everything


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet."""
    forget_everything()
