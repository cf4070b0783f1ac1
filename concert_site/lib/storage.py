"""Where uploads are kept: files named by what is in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible

DRAFT_SUFFIX = ".new"


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
