"""Halls are computed without a database."""

import subprocess
import sys

import pytest

from concert_site.embedded.data_dir import PROJECT

IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module

import reservations.halls

for module in pkgutil.walk_packages(reservations.halls.__path__, "reservations.halls."):
    if ".tests" not in module.name:
        import_module(module.name)
print(*sorted(name for name in sys.modules if name.startswith(("django.db.models", "reservations.models"))))
print("reservations.halls.plans.seats" in sys.modules)
"""


@pytest.mark.processes
def test_nothing_of_halls_loads_the_orm():
    # A process of its own: in this one everything is loaded already.
    loaded = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert loaded.stdout == "\nTrue\n"
