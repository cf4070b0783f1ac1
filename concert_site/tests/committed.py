"""Tests whose transactions are real ones."""

import pytest

# Naming the apps spares each test the rebuilding of permissions and content types, most of a second: after it
# only these apps' tables are emptied.
committed = pytest.mark.django_db(
    transaction=True,
    available_apps=["concert_site.accounts", "wallet", "queueing", "reservations", "payments"],
)
