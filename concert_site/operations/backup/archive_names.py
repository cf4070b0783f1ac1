"""What archives are called: by when they were made, and like nothing else in a folder or bucket."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

PREFIX, SUFFIX = "frontrow-", ".tar.age"
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(rf"{PREFIX}(\d{{8}}T\d{{6}}Z){re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True, order=True)
class StoredArchive:
    """An archive in a store."""

    made_at: datetime
    name: str
    size: int


def name_at(now: datetime) -> str:
    return f"{PREFIX}{now.astimezone(UTC).strftime(STAMP)}{SUFFIX}"


def archive_named(name: str, size: int) -> StoredArchive | None:
    """An archive by its name; None if the name isn't one of ours."""
    found = NAME.fullmatch(name)
    return StoredArchive(datetime.strptime(found[1], STAMP).replace(tzinfo=UTC), name, size) if found else None
