"""One site for programs of others, as `make demo` starts it."""

import pytest

from concert_site.tests.up_process import QUICK, Up


@pytest.fixture(scope="package")
def up(tmp_path_factory):
    site = Up(tmp_path_factory.mktemp("clients") / "data", "--demo", MODE="demo", THROTTLE="on", **QUICK)
    yield site.wait_ready()
    site.discard()
