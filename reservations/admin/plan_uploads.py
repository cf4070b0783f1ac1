"""A file between two pages: uploaded on the first, priced on the second.

A browser can't send a chosen file again by itself, and in a hidden field a large plan would exceed what a form may
have (DATA_UPLOAD_MAX_MEMORY_SIZE, which holds for everybody and stays as it is). So the file waits in the table of
sessions, in a session of its own: every web process finds it, it needs no Redis and no shared disk, it isn't loaded
with each request as the member of staff's own session is, and the nightly clearing of sessions takes what nobody
came back for. What the browser gets is a random key, which is good for one person and one schedule.
"""

from base64 import b85decode, b85encode
from zlib import compress, decompress

from concert_site.accounts.session_store import SessionStore

KEPT_SECONDS = 3600
PLAN, OWNER = "seating_plan", "seating_plan_of"


def keep(content: bytes, *, user_id: int, schedule_id: int) -> str:
    """Keep a file for an hour; return its key."""
    kept = SessionStore()
    kept[PLAN] = b85encode(compress(content)).decode()
    kept[OWNER] = [user_id, schedule_id]
    kept.set_expiry(KEPT_SECONDS)
    kept.create()
    return str(kept.session_key)


def find(key: str, *, user_id: int, schedule_id: int) -> bytes | None:
    """The file of this key; None if there is none (any more), or it is somebody else's."""
    kept = SessionStore(key)
    if kept.get(OWNER) != [user_id, schedule_id]:
        return None
    return decompress(b85decode(kept[PLAN]))


def forget(key: str) -> None:
    """Drop the file of this key."""
    SessionStore(key).delete()
