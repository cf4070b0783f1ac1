"""Posters of concerts: what an upload must be, and where it is kept.

A file is named by what is in it and never changes, so it may be kept by browsers for ever. Files come before the row
that names them, and go no sooner than a day after it: whatever crashes in between leaves a file that nobody needs,
never a concert without its poster.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, cast

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import NotFound
from concert_site.lib.stale import Shown, require_unchanged
from concert_site.lib.storage import DRAFT_SUFFIX, TouchableStorage
from reservations.domain.errors import PosterRefused
from reservations.domain.poster_images import as_webp, read_picture, shrink_to_width
from reservations.domain.transactions import lock_row
from reservations.models import Concert
from reservations.models.posters import FOLDER, original_name, poster_name, small_name

MOST_BYTES = 10 * 1024 * 1024
SMALL_WIDTH = 480
# Pages that were opened before, and caches of a CDN, still show what was replaced. Cleared is once a night, and a file
# has the time at which it was last found needed: this is the second night after that.
KEPT_FOR = timedelta(hours=36)
# Any number that nothing else locks: storing and clearing away take turns.
LOCK = 0x905E
TOO_BIG = _("This file is too big. A poster can have up to %(most)d MB.")


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster that may be stored: the content of its file, and of the small one for lists if it has one."""

    suffix: str
    content: bytes
    small: bytes | None = None

    @property
    def name(self) -> str:
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
    return Poster(suffix="webp", content=as_webp(picture), small=as_webp(shrink_to_width(picture, SMALL_WIDTH)))


@transaction.atomic(durable=True)
def set_poster(*, concert_id: int, poster: Poster, shown: Shown | None = None) -> str:
    """Give a concert this poster in place of the one it has; returns the name of the file.

    :param shown: the columns that the change is based on
    :raises NotFound: if there is no such concert
    :raises ChangedMeanwhile: if the poster is another one by now
    """
    require_same_poster(concert_id, shown)
    name = store_poster(poster)
    if Concert.objects.filter(pk=concert_id).update(poster=name) != 1:
        raise NotFound
    return name


def require_same_poster(concert_id: int, shown: Shown | None) -> None:
    """
    :raises NotFound, ChangedMeanwhile: as `set_poster` does
    """
    if shown is None:
        return
    require_unchanged(lock_row(Concert.objects.all(), concert_id), {"poster": shown.get("poster")})


@transaction.atomic(durable=True)
def remove_poster(*, concert_id: int, shown: Shown | None = None) -> bool:
    """Take a concert's poster down; returns whether it had one.

    :raises NotFound, ChangedMeanwhile: as `set_poster` does
    """
    concerts = Concert.objects.filter(pk=concert_id)
    require_same_poster(concert_id, shown)
    if concerts.exclude(poster="").update(poster=""):
        return True
    if not concerts.exists():
        raise NotFound
    return False


def store_poster(poster: Poster) -> str:
    """Write the files of a poster: a step of the caller's transaction, which puts the name into a row."""
    lock_posters()
    small = small_name(poster.name)
    if small and poster.small is not None:
        default_storage.save(small, ContentFile(poster.small))
    return default_storage.save(poster.name, ContentFile(poster.content))


@transaction.atomic(durable=True)
def clear_posters(*, now: datetime | None = None) -> int:
    """Delete the files that no concert has named since KEPT_FOR; returns how many."""
    lock_posters()
    wanted = set(Concert.objects.exclude(poster="").values_list("poster", flat=True))
    # Files have the time of this machine, or of the store that has them, not PostgreSQL's.
    moment = now or timezone.now()
    gone = 0
    for name, written_at in stored_files():
        if original_name(name) in wanted:
            storage().touch(name, moment)
        elif written_at < moment - KEPT_FOR:
            default_storage.delete(name)
            gone += 1
    return gone


def stored_files() -> list[tuple[str, datetime]]:
    """Every file that we wrote, and when; what somebody else laid there is none of our business."""
    found = storage().written_files(FOLDER)
    return [(name, at) for name, at in found if original_name(name) or name.endswith(DRAFT_SUFFIX)]


def storage() -> TouchableStorage:
    return cast("TouchableStorage", default_storage)  # a proxy of the one that the settings name


def lock_posters() -> None:
    """Wait for whoever stores or clears away, until their transaction is over: a file that is found unneeded can't
    be put into a row before it is gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
