"""What every test of this app starts from."""

import pytest

from reservations.queries import availability, catalogue, layout, sales


@pytest.fixture(autouse=True)
def nothing_remembered():
    """A process that has answered nothing yet."""
    forget_all()


def forget_all():
    """Drop what this process remembers, as another process would have nothing of it."""
    for memory in (availability, catalogue, layout, sales):
        memory.forget()
