"""Seating plans between two pages: uploaded on the first, priced on the second.

A browser can't send a chosen file again by itself, and in a hidden field a large plan would exceed what a form may
have. So the file waits in the storage of uploads, which every web process shares: for an hour, under a random key that
is good for one member of staff and one schedule, and of each member the latest few alone.
"""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from zlib import compress, decompress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

FOLDER = "plan-uploads"
KEPT_FOR = timedelta(hours=1)
MOST_A_MEMBER = 5
# Made of these alone, a key is no path to anywhere else.
KEY = re.compile(r"[A-Za-z0-9_-]{32}")


def save_upload(content: bytes, *, user_id: int, schedule_id: int) -> str:
    """Keep a file for an hour; return its key. Older ones of the same member of staff make room for it."""
    delete_old_uploads()
    own = sorted((found for found in stored_uploads() if found[1].startswith(f"{user_id}-")), reverse=True)
    for _modified_at, name in own[MOST_A_MEMBER - 1 :]:
        default_storage.delete(f"{FOLDER}/{name}")
    key = secrets.token_urlsafe(24)
    default_storage.save(upload_name(key, user_id, schedule_id), ContentFile(compress(content)))
    return key


def read_upload(key: str, *, user_id: int, schedule_id: int) -> bytes | None:
    """The file of this key; None if there is none (any more), or it is somebody else's."""
    if not KEY.fullmatch(key):
        return None
    name = upload_name(key, user_id, schedule_id)
    try:
        if default_storage.get_modified_time(name) < timezone.now() - KEPT_FOR:
            return None
        with default_storage.open(name) as file:
            return decompress(file.read())
    except FileNotFoundError:
        return None


def delete_upload(key: str, *, user_id: int, schedule_id: int) -> None:
    default_storage.delete(upload_name(key, user_id, schedule_id))


def delete_old_uploads(*, now: datetime | None = None) -> int:
    """Delete what nobody came back for, drafts of a process that died too; return how many files."""
    over = (now or timezone.now()) - KEPT_FOR
    old = [name for modified_at, name in stored_uploads() if modified_at < over]
    for name in old:
        default_storage.delete(f"{FOLDER}/{name}")
    return len(old)


def upload_name(key: str, user_id: int, schedule_id: int) -> str:
    """The name of a file in the storage: asked for by somebody else, the same key names another."""
    return f"{FOLDER}/{user_id}-{schedule_id}-{key}"


def stored_uploads() -> Iterator[tuple[datetime, str]]:
    """When each file was written, and its name in the folder; another process may delete some meanwhile."""
    try:
        _folders, names = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for name in names:
        try:
            yield default_storage.get_modified_time(f"{FOLDER}/{name}"), name
        except FileNotFoundError:
            continue
