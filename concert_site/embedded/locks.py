"""Locks on files, which the kernel lets go of however their holder ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.02


class FileLock:
    """An flock that is exclusive or shared; its file may carry a word on who holds it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self, seconds: float = 0.0) -> bool:
        """Take it alone, if nobody else has it; for so many seconds again and again."""
        return self._try(fcntl.LOCK_EX, seconds)

    def try_shared(self, seconds: float = 0.0) -> bool:
        """Take it together with others, unless somebody has it alone; as above."""
        return self._try(fcntl.LOCK_SH, seconds)

    def is_held_alone(self) -> bool:
        if not self.try_shared():
            return True
        self.unlock()
        return False

    def note(self, text: str) -> None:
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def read_note(self) -> str:
        """What the holder, or the last one, left."""
        return os.pread(self._fd, 1000, 0).decode(errors="replace").strip()

    def unlock(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._fd)

    def _try(self, kind: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
