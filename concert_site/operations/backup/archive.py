"""The archive: a tar of numbered pieces, so that nothing of unknown length is held in memory or written in the clear.

`database/000001`, `database/000002`... put together are what pg_dump wrote; `media/` has the posters by their names,
`keys/` the secrets; `manifest.json` comes last, and without it an archive isn't whole. Any tar reads it.
"""

import hashlib
import io
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Self, cast

from concert_site.operations.backup.errors import BackupFailed

PIECE_BYTES = 8 * 1024**2
MANIFEST = "manifest.json"
DATABASE, MEDIA, KEYS = "database", "media", "keys"


@dataclass(slots=True)
class Part:
    """What is in an archive under one name, its pieces taken together."""

    size: int = 0
    pieces: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._digest.update(data)

    def as_json(self) -> dict[str, object]:
        return {"bytes": self.size, "pieces": self.pieces, "sha256": self._digest.hexdigest()}


class ClosableStream:
    """A stream that takes nothing more once it is shut: tarfile writes its last blocks whatever has happened."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.is_shut = False

    def write(self, data: bytes) -> int:
        return len(data) if self.is_shut else self._out.write(data)


class ArchiveWriter:
    """Writes an archive to a stream that is never read or wound back. Left by an exception, it has no proper end."""

    def __init__(self, out: IO[bytes]) -> None:
        self._stream = ClosableStream(out)
        # It asks for `write` alone.
        stream = cast("IO[bytes]", self._stream)
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115  see `__exit__`
        self.parts: dict[str, Part] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        self._stream.is_shut = kind is not None
        try:
            self._tar.close()
        except BaseException:
            self._stream.is_shut = True
            raise

    def add_stream(self, name: str, source: IO[bytes]) -> None:
        """Add what `source` has, to its end, in pieces: its length need not be known."""
        part = self.parts[name] = Part()
        while data := read_up_to(source, PIECE_BYTES):
            part.add(data)
            part.pieces += 1
            self._add(f"{name}/{part.pieces:06}", data)

    def add_bytes(self, name: str, data: bytes) -> None:
        part = self.parts[name] = Part(pieces=1)
        part.add(data)
        self._add(name, data)

    def add_manifest(self, manifest: bytes) -> None:
        """The last thing in it."""
        self._add(MANIFEST, manifest)

    def _add(self, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
        self._tar.addfile(entry, io.BytesIO(data))


def read_up_to(source: IO[bytes], most: int) -> bytes:
    """So many bytes, fewer only at the end: a pipe gives what it has."""
    found = bytearray()
    while len(found) < most and (data := source.read(most - len(found))):
        found += data
    return bytes(found)


def pieces_of(source: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each piece of an archive with the name of its part, in order, the manifest's included.

    :raises BackupFailed: if it is no archive, or ends too early
    """
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for entry in tar:
                piece = tar.extractfile(entry)
                if piece is None:
                    raise BackupFailed(f"this is no backup of Frontrow: {entry.name} in it is no file")
                yield part_of(entry.name), piece.read()
    except (tarfile.TarError, EOFError) as error:
        raise BackupFailed(f"this is no backup of Frontrow, or it is damaged: {error}") from error


def part_of(name: str) -> str:
    return DATABASE if name.startswith(f"{DATABASE}/") else name
