"""Tests whose transactions are real ones."""

import pytest

# What it leaves is taken away by concert_site.tests.clean_slate.
committed = pytest.mark.django_db(transaction=True)
