"""The manifest: what an archive says of itself, and how it is compared with what was read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from concert_site.operations.backup.archive import KEYS, MEDIA, Part
from concert_site.operations.backup.errors import BackupFailed

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """Made with the archive; `made_at` is when the database was as it is in there, ISO 8601 in UTC."""

    format: int
    version: str
    made_at: str
    host: str
    mode: str
    # The server's, such as 150018, and that of the pg_dump that read it.
    postgresql: int
    pg_dump: int
    database_bytes: int
    # "app.name" of each that was applied.
    migrations: list[str]
    # Rows of each table.
    tables: dict[str, int]
    # What restoring under another value would falsify.
    fixed: dict[str, str]
    # Names of variables that the site was run with; their values, other than the keys', are not in the archive.
    variables: list[str]
    parts: dict[str, dict[str, object]]

    @property
    def major(self) -> int:
        """Of the PostgreSQL that it was read from."""
        return self.postgresql // 10_000

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    @property
    def media(self) -> set[str]:
        return {name.removeprefix(f"{MEDIA}/") for name in self.parts if name.startswith(f"{MEDIA}/")}

    @property
    def keys(self) -> list[str]:
        return [name.removeprefix(f"{KEYS}/") for name in self.parts if name.startswith(f"{KEYS}/")]

    def as_bytes(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()


def read_manifest(data: bytes) -> Manifest:
    """:raises BackupFailed: if it isn't one that we know how to read"""
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise BackupFailed(f"this backup has format {found['format']}, which a newer version wrote: use that")
        return Manifest(**found)
    except (ValueError, KeyError, TypeError) as error:
        raise BackupFailed(f"the backup's manifest can't be read: {error}") from error


def require_whole(manifest: Manifest, read: Mapping[str, Part]) -> None:
    """Compare what was read with what was written.

    :raises BackupFailed: naming the first part that differs
    """
    for name, said in manifest.parts.items():
        part = read.get(name)
        if part is None:
            raise BackupFailed(f"the backup is damaged: {name} is missing")
        if part.as_json() != said:
            raise BackupFailed(f"the backup is damaged: {name} has another checksum than when it was made")
    if unknown := read.keys() - manifest.parts.keys():
        raise BackupFailed(f"the backup is damaged: {min(unknown)} isn't in its manifest")
