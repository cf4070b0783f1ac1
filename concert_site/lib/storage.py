"""Where uploads are kept: files named by what is in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible

DRAFT_SUFFIX = ".new"


class TouchableStorage(Protocol):
    """What storages have beside Django's: files are deleted long after they were last needed."""

    def written_files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """The name of every file in a folder, and when it was last written or touched."""

    def touch(self, name: str, moment: datetime) -> None:
        """Let a file count as needed at this moment."""


@deconstructible
class AtomicFileStorage(FileSystemStorage):
    """Files under MEDIA_ROOT that are there whole or not at all, also if we are killed while writing.

    A name says what is in its file, so a name that is taken is that very file: it is written again, which does
    no harm, rather than given another name.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        place = Path(self.path(name))
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, since a rename is all or nothing only within one file system.
        number, draft = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=DRAFT_SUFFIX)
        try:
            with os.fdopen(number, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(number)
            Path(draft).chmod(0o644)
            Path(draft).replace(place)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return name

    def written_files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """The name of every file in a folder, drafts included, and when it was last written or touched."""
        for file in Path(self.path(folder)).glob("*"):
            # Another process may delete some meanwhile.
            with suppress(FileNotFoundError):
                yield f"{folder}/{file.name}", datetime.fromtimestamp(file.stat().st_mtime, UTC)

    def touch(self, name: str, moment: datetime) -> None:
        """Let a file count as written at this moment."""
        os.utime(self.path(name), (moment.timestamp(), moment.timestamp()))
