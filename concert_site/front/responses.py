"""From Django's response to the web server's, so that no thread waits for a reader."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from concert_site.front.rsgi import Header, Outgoing
from concert_site.lib.web.headers import stored_headers

OK = 200
# Long answers with a version, kept in files: so many versions in a process.
MOST_KEPT = 4
# The web server opens a file a moment after it was told of it.
OPENED_WITHIN_SECONDS = 30.0


def headers_of(response: HttpResponseBase) -> list[Header]:
    stored = stored_headers(response).values()
    headers = [(name, value if value.isascii() else as_ascii(value)) for name, value in stored]
    if response.cookies:
        headers += [("Set-Cookie", as_ascii(cookie.OutputString())) for cookie in response.cookies.values()]
    return headers


def as_ascii(value: str) -> str:
    """The value with a question mark for each letter that a header can't hold."""
    return value.encode("ascii", "replace").decode()


class Sender:
    """Hands responses to the web server, which sends them at each reader's pace.

    A long one is written to a file as fast as it is made. Readers of the same version share the file, so a thousand
    slow ones take no more room, and no more of the database, than one.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], IO[bytes]] = OrderedDict()
        self._writing: dict[tuple[str, str], threading.Lock] = {}
        self._changing = threading.Lock()
        # Files that the web server was told of, and until when they stay.
        self._promised: deque[tuple[float, IO[bytes]]] = deque()

    def send(self, transport: Outgoing, method: str, path: str, response: HttpResponseBase) -> None:
        """Answer with a response of Django, and close it."""
        headers, status = headers_of(response), response.status_code
        try:
            if not response.streaming:
                body = cast("HttpResponse", response).content
                if body:
                    transport.response_bytes(status, headers, body)
                else:
                    transport.response_empty(status, headers)
            elif method == "HEAD":
                transport.response_empty(status, headers)
            else:
                transport.response_file(status, headers, self._file_of(path, cast("StreamingHttpResponse", response)))
        finally:
            response.close()

    def forget_promised(self) -> None:
        """Close the files that the web server has opened meanwhile. To be called every now and then."""
        now = time.monotonic()
        while self._promised and self._promised[0][0] < now:
            self._promised.popleft()[1].close()

    def close(self) -> None:
        for file in [*self._kept.values(), *[file for _, file in self._promised]]:
            file.close()
        self._kept.clear()
        self._promised.clear()

    def _file_of(self, path: str, response: StreamingHttpResponse) -> str:
        own = lying_file(response)
        if own is not None:
            return own
        etag = response.get("ETag")
        if etag is None or "public" not in response.get("Cache-Control", ""):
            return self._promise(written(response))
        key = (path, etag)
        with self._changing:
            lock = self._writing.setdefault(key, threading.Lock())
        with lock:
            return self._promise(self._again(key) or self._keep(key, written(response)))

    def _again(self, key: tuple[str, str]) -> IO[bytes] | None:
        """A kept answer, by a descriptor of its own; None if it isn't kept, or not any more."""
        with self._changing:
            file = self._kept.get(key)
            if file is None:
                return None
            self._kept.move_to_end(key)
            return os.fdopen(os.dup(file.fileno()), "rb")

    def _keep(self, key: tuple[str, str], file: IO[bytes]) -> IO[bytes]:
        """Keep an answer, and open it by a descriptor of its own; the one that was asked for longest ago goes."""
        with self._changing:
            self._kept[key] = file
            opened = os.fdopen(os.dup(file.fileno()), "rb")
            while len(self._kept) > MOST_KEPT:
                oldest, old = self._kept.popitem(last=False)
                self._writing.pop(oldest, None)
                # Whoever was told of it has a descriptor of their own.
                old.close()
        return opened

    def _promise(self, file: IO[bytes]) -> str:
        self._promised.append((time.monotonic() + OPENED_WITHIN_SECONDS, file))
        return f"/dev/fd/{file.fileno()}"


def lying_file(response: StreamingHttpResponse) -> str | None:
    """The path of the file that a FileResponse would send from its beginning to its end."""
    file = getattr(response, "file_to_stream", None)
    name = getattr(file, "name", None)
    if not isinstance(name, str) or response.status_code != OK:
        return None
    path = Path(name)
    is_whole = path.is_absolute() and path.is_file() and response.get("Content-Length") == str(path.stat().st_size)
    return name if is_whole else None


def written(response: Iterable[bytes]) -> IO[bytes]:
    """A file with this answer and without a name: it is gone when it is closed."""
    file = cast("IO[bytes]", tempfile.TemporaryFile())  # noqa: SIM115  whoever is told of it closes it
    try:
        for piece in response:
            file.write(piece)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file
