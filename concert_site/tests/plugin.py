"""A pytest plugin: the tests' own PostgreSQL and Redis, running before Django loads its settings.

Named in pytest.ini. The process that was started first (with xdist: the controller) runs the
services, its workers inherit the environment. pytest-django gives each worker a database of its own;
here each gets a Redis database of its own.
"""

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.environment import services_for_command
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.modes import TEST

services = ExitStack()
MOST_RUNS_AT_ONCE = 8
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Prepare the environment. A wrapper comes before every other plugin, pytest-django's too."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["REDIS_URL"] = redis_of_worker(os.environ["REDIS_URL"], worker)
    else:
        start_services()
    sys.addaudithook(refuse_network)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop what was started."""
    services.close()


def start_services() -> None:
    """Start PostgreSQL and Redis for this test run alone."""
    data_dir = free_data_dir()
    os.environ["MODE"] = TEST
    os.environ["DATA_DIR"] = str(data_dir.path)
    try:
        services.enter_context(services_for_command(data_dir, TEST, is_throwaway=True))
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error


def free_data_dir() -> DataDir:
    """The first of `.data/test`, `.data/test-2`... that no other run uses: they would drop each other's databases."""
    parent = PROJECT / ".data"
    parent.mkdir(exist_ok=True)
    for name in ("test", *(f"test-{number}" for number in range(2, MOST_RUNS_AT_ONCE + 1))):
        lock = FileLock(parent / f"{name}.lock")
        services.callback(lock.close)
        if lock.try_exclusive():
            return DataDir(parent / name)
    raise pytest.UsageError(f"{MOST_RUNS_AT_ONCE} test runs are under way in {parent}: wait for one of them")


def redis_of_worker(url: str, worker: str) -> str:
    """The Redis database of an xdist worker: gw0 has number 1, gw1 number 2."""
    number = int(worker.removeprefix("gw")) + 1
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{number}"


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Let nothing out of this machine: a test that needs the network fails where there is none."""
    if event == "socket.getaddrinfo" and arguments[0] not in LOCAL_HOSTS:
        raise RuntimeError(f"a test looked up {arguments[0]!r} on the network")
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in LOCAL_HOSTS:
            raise RuntimeError(f"a test connected to {address[0]!r} over the network")
