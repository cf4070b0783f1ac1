"""One thread writes, this one reads: how an archive goes through encryption to its store in bounded memory."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

PIPE_BYTES = 1024**2


class Source:
    """The reading end. Where the writer failed, its end is no end: reading raises what went wrong there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.failure: BaseException | None = None
        self.writer: threading.Thread | None = None

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if not data and size != 0:
            if self.writer is not None:
                self.writer.join()
            if self.failure is not None:
                raise self.failure
        return data


@contextmanager
def written_by(write: Callable[[IO[bytes]], None]) -> Iterator[Source]:
    """A stream of what `write` writes in a thread of its own.

    After the block, whatever it didn't read is dropped, and the thread is gone.
    :raises BaseException: what `write` raised, unless the block has raised already
    """
    reading, writing = os.pipe()
    source = Source(os.fdopen(reading, "rb", buffering=PIPE_BYTES))
    source.writer = threading.Thread(target=_run, args=(write, writing, source), daemon=True)
    source.writer.start()
    try:
        yield source
    finally:
        # A writer that still writes then gets EPIPE.
        source._file.close()  # noqa: SLF001  ours
        source.writer.join()
    if source.failure is not None and not isinstance(source.failure, BrokenPipeError):
        raise source.failure


def _run(write: Callable[[IO[bytes]], None], writing: int, source: Source) -> None:
    try:
        with os.fdopen(writing, "wb", buffering=PIPE_BYTES) as out:
            write(out)
    except BaseException as error:  # noqa: BLE001  the reader raises it
        source.failure = error
