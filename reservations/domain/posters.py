"""Posters of concerts: what an upload must be, and where it is kept.

A file is named by what is in it and never changes, so it may be kept by browsers for ever. Files come before the row
that names them, and go no sooner than a day after: whatever crashes in between leaves a file that nobody needs,
never a concert without its poster.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import NotFound
from concert_site.lib.storage import DRAFT_SUFFIX
from reservations.domain.errors import PosterRefused
from reservations.domain.pictures import as_webp, at_most, read_picture
from reservations.models import Concert
from reservations.models.posters import FOLDER, original_name, poster_name, small_name

MOST_BYTES = 10 * 1024 * 1024
SMALL_WIDTH = 480
# Pages that were opened before, and caches of a CDN, still show what was replaced.
KEPT_FOR = timedelta(days=1)
# Any number that nothing else locks: storing and clearing away take turns.
LOCK = 0x905E
TOO_BIG = _("This file is too big. A poster may have %(most)d MB.")


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster that may be stored: the content of its file, and of the small one for lists if it has one."""

    suffix: str
    content: bytes
    small: bytes | None = None

    @property
    def name(self) -> str:
        """The name of its file in the storage."""
        return poster_name(hashlib.sha256(self.content).hexdigest(), self.suffix)


def clean_poster(file: IO[bytes]) -> Poster:
    """Make a poster of an uploaded picture; nothing is stored yet.

    :raises PosterRefused: if it is no picture that we can use; its `attr` is `poster`
    """
    file.seek(0)
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise PosterRefused(TOO_BIG % {"most": MOST_BYTES // 1024**2})
    picture = read_picture(content)
    return Poster(suffix="webp", content=as_webp(picture), small=as_webp(at_most(picture, SMALL_WIDTH)))


@transaction.atomic(durable=True)
def set_poster(*, concert_id: int, poster: Poster) -> str:
    """Give a concert this poster in place of the one it has; returns the name of the file.

    :raises NotFound: if there is no such concert
    """
    name = store_poster(poster)
    if Concert.objects.filter(pk=concert_id).update(poster=name) != 1:
        raise NotFound
    return name


@transaction.atomic(durable=True)
def remove_poster(*, concert_id: int) -> bool:
    """Take a concert's poster down; returns whether it had one.

    :raises NotFound: if there is no such concert
    """
    concerts = Concert.objects.filter(pk=concert_id)
    if concerts.exclude(poster="").update(poster=""):
        return True
    if not concerts.exists():
        raise NotFound
    return False


def store_poster(poster: Poster) -> str:
    """Write the files of a poster: a step of the caller's transaction, which puts the name into a row."""
    take_turns()
    small = small_name(poster.name)
    if small and poster.small is not None:
        default_storage.save(small, ContentFile(poster.small))
    return default_storage.save(poster.name, ContentFile(poster.content))


@transaction.atomic(durable=True)
def clear_posters(*, now: datetime | None = None) -> int:
    """Delete the files that no concert names, a day after they were written; returns how many."""
    take_turns()
    wanted = set(Concert.objects.exclude(poster="").values_list("poster", flat=True))
    # Files have the time of this machine, not PostgreSQL's.
    before = (now or timezone.now()) - KEPT_FOR
    gone = [
        name
        for name in stored_files()
        if original_name(name) not in wanted and default_storage.get_modified_time(name) < before
    ]
    for name in gone:
        default_storage.delete(name)
    return len(gone)


def stored_files() -> list[str]:
    """Every file that we wrote; what somebody else laid there is none of our business."""
    try:
        _, names = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return []
    paths = [f"{FOLDER}/{name}" for name in names]
    return [path for path in paths if original_name(path) or path.endswith(DRAFT_SUFFIX)]


def take_turns() -> None:
    """Wait for whoever stores or clears away, until their transaction is over: a file that is found unneeded can't
    be put into a row before it is gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
