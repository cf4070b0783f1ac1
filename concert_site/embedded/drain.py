"""The file by which a web process learns that it is about to end; each generation of them has one of its own.

concert_site.front.draining says what they do then.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from concert_site.embedded.programs import Program

STOP, RENEW = "stop", "renew"


class DrainFiles:
    """Those of one `up`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    @property
    def current(self) -> Path:
        """That of the generation that was started last."""
        return self._folder / f"drain-{self._number}"

    def for_next(self, program: Program) -> Program:
        """A program that knows the file of the next generation, after a crash too."""
        self._number += 1
        return replace(program, prepare=partial(begin, self.current))

    def give_up_next(self) -> None:
        """It came to nothing."""
        self._number -= 1


def begin(path: Path) -> None:
    path.unlink(missing_ok=True)
    # Inherited by what is started next, and read by its settings.
    os.environ["DRAIN_FILE"] = str(path)


def drain(path: Path, word: str) -> None:
    path.write_text(f"{word}\n")
