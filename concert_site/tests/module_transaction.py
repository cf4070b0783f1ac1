"""A house that is built once for a module's tests, each of which has a transaction within that one's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import transaction

if TYPE_CHECKING:
    from pytest_django.plugin import DjangoDbBlocker


@contextmanager
def module_transaction(blocker: "DjangoDbBlocker") -> Iterator[None]:
    """A transaction of which nothing stays; for a fixture of wider scope than a test, after `django_db_setup`."""
    whole = transaction.atomic()
    # As Django's own test cases say that what is durable may lie within.
    whole._from_testcase = True  # type: ignore[attr-defined]  # as above
    with blocker.unblock(), whole:
        yield
        transaction.set_rollback(True)
