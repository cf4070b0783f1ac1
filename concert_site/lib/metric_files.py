"""The files that processes count in, with the room that they need taken before it is written to.

Prometheus_client makes them long and empty, and writes into the memory that stands for them. Where the disk is full
that ends the process (SIGBUS): all web processes at once, although PostgreSQL may lie on another disk. Taken
beforehand, a full disk is an error that can be caught, and what was to be counted isn't.
"""

import os
from pathlib import Path

from prometheus_client import mmap_dict
from prometheus_client.mmap_dict import MmapedDict

# A key's length, what it is padded with, and its two numbers.
BESIDES_A_KEY = 32


class ReservedDict(MmapedDict):
    """A MmapedDict whose file is never longer than what the disk has given it."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT002  as it has them
        """:raises OSError: if there is no room"""
        if not read_mode:
            reserve(filename, mmap_dict._INITIAL_MMAP_SIZE)  # noqa: SLF001  how long it makes them
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]  # it comes without types

    def _init_value(self, key: str) -> None:
        """Add a key. Nothing has changed where it raises.

        :raises OSError: if there is no room
        """
        capacity = self._capacity
        while self._used + len(key.encode()) + BESIDES_A_KEY > capacity:
            capacity *= 2
        if capacity > self._capacity:
            reserve(self._fname, capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]  # as above


def reserve(filename: str, size: int) -> None:
    """Take so many bytes of the disk for a file, which is made if it isn't there.

    :raises OSError: if there is no room
    """
    descriptor = os.open(filename, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        if not os.fstat(descriptor).st_size:
            # An empty one can't be read.
            Path(filename).unlink()
        raise
    finally:
        os.close(descriptor)
