"""Posters: each file of the storage, wherever that is."""

from collections.abc import Iterator

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from concert_site.operations.backup.archive import MEDIA, ArchiveWriter
from reservations.models.posters import FOLDER, NAME


def poster_names() -> Iterator[str]:
    """The names of all posters; plans on their way are gone in an hour."""
    try:
        _folders, files = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    names = (f"{FOLDER}/{file}" for file in files)
    yield from (name for name in sorted(names) if NAME.fullmatch(name))


def add_posters(archive: ArchiveWriter) -> None:
    """Add each poster. One that goes meanwhile was not needed any more."""
    for name in poster_names():
        try:
            with default_storage.open(name) as file:
                content = file.read()
        except FileNotFoundError:
            continue
        archive.add_bytes(f"{MEDIA}/{name}", content)


def restore_poster(name: str, content: bytes) -> bool:
    """Put a poster back unless it is there, which by its name is the same one; whether it was missing."""
    if not NAME.fullmatch(name) or default_storage.exists(name):
        return False
    default_storage.save(name, ContentFile(content))
    return True
