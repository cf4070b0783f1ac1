"""One site of two web processes for all that looks at a running one from outside, and lets it run on."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from concert_site.tests.up_process import QUICK, Up


@pytest.fixture(scope="package")
def up() -> Iterator[Up]:
    """It throttles nobody, and passwords cost it nothing."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    site = Up(folder / "data", "--workers=2", THROTTLE="off", **QUICK)
    try:
        yield site.wait_ready()
    finally:
        site.discard()
        shutil.rmtree(folder)
