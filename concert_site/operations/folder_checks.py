"""Whether folders can be written and files be read that somebody will need, told before they find out."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.files.storage import default_storage

from concert_site.lib.start_checks import START_OF_WEB
from concert_site.lib.storage import AtomicFileStorage
from concert_site.lib.web.static import HashedFiles


@register(START_OF_WEB, deploy=True)
def folders_are_usable(**kwargs: Any) -> list[CheckMessage]:  # Any: Django hands over what a check may need
    """MEDIA_ROOT can be written, where posters lie in a folder; STATIC_ROOT too, unless it holds what is served."""
    found: list[CheckMessage] = []
    if isinstance(default_storage, AtomicFileStorage) and not is_writable(Path(settings.MEDIA_ROOT)):
        found.append(Error(f"MEDIA_ROOT={settings.MEDIA_ROOT} can't be written.", id="site.E001"))
    static = Path(settings.STATIC_ROOT)
    if not (static / HashedFiles.manifest_name).is_file() and not is_writable(static):
        found.append(
            Error(f"STATIC_ROOT={static} can't be written, and nothing has been collected there.", id="site.E002")
        )
    return found


@register(deploy=True)
def backups_can_be_made(**kwargs: Any) -> list[CheckMessage]:  # Any: as above
    """What BACKUP_... and POSTGRES_BIN_DIR name can be read, by whoever asks; the site itself needs none of it."""
    named = ("BACKUP_PASSPHRASE_FILE", "BACKUP_IDENTITY_FILE", "POSTGRES_BIN_DIR")
    return [
        Error(f"{name}={path} can't be read.", id="site.E003")
        for name in named
        if (path := getattr(settings, name)) and not os.access(path, os.R_OK)
    ]


def is_writable(folder: Path) -> bool:
    """Whether it can be written, or made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    # The system's own word: root may write into what takes no file, such as /proc.
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and not is_of_the_kernel(folder)


def is_of_the_kernel(folder: Path) -> bool:
    return folder.parts[:2] in {("/", "proc"), ("/", "sys")}
