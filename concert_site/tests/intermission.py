"""A pytest plugin of `bench/behind.py`: no test runs while it changes the servers beneath them.

Each test shares a lock; who changes something has it alone, and a second one keeps new tests back meanwhile.
"""

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# Where the locks are.
FOLDER = "INTERMISSION_FOLDER"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Wait for the end of an intermission; none begins while the test runs."""
    with on_stage(Path(os.environ[FOLDER])):
        return (yield)


@contextmanager
def on_stage(folder: Path) -> Iterator[None]:
    """A test's part."""
    with ExitStack() as stage:
        with locked(folder / "door", fcntl.LOCK_SH):
            stage.enter_context(locked(folder / "stage", fcntl.LOCK_SH))
        yield


@contextmanager
def of(folder: Path) -> Iterator[None]:
    """Begin once the tests that run are over; those that come next wait for the end of the block."""
    with locked(folder / "door", fcntl.LOCK_EX), locked(folder / "stage", fcntl.LOCK_EX):
        yield


@contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    """Hold a lock, waiting for as long as it takes."""
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield
