"""Static files under names that have a hash of what is in them; modules import each other by those names, too."""

import os
from hashlib import blake2b
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Beside what was collected: from which files.
COLLECTED = ".collected"


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise comes without types
    """WhiteNoise's, which needs no manifest: where nothing is collected (tests, lone commands) names are plain."""

    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        """The name with the hash, or the plain one, under which whitenoise finds the file where it lies."""
        hashed: str = self.hashed_files.get(self.hash_key(self.clean_name(name)), name)
        return hashed


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise comes without types
    """whitenoise, but a name of another release gets this one's file, for a minute.

    While servers change over, a page of one may ask another for what it names.
    """

    def add_files(self, root: str | Path, prefix: str | None = None) -> None:
        """Take what was collected; whitenoise would warn of a folder that isn't there."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith(self.static_prefix) and path not in self.files:
            file = self.files.get(self.get_name_without_hash(path))
            if file is not None:
                answer: HttpResponseBase = self.serve(file, request)
                return answer
        passed: HttpResponseBase = super().__call__(request)
        return passed


def collect_changed() -> None:
    """Collect static files into STATIC_ROOT, unless they are what was collected last.

    Where whoever installed the release has collected them, in a folder that isn't ours to write to, they stay.
    """
    folder = Path(settings.STATIC_ROOT)
    if (folder / HashedFiles.manifest_name).is_file() and not os.access(folder, os.W_OK):
        return
    stamp, sources = folder / COLLECTED, fingerprint()
    if stamp.is_file() and stamp.read_text() == sources:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(sources)


def fingerprint() -> str:
    found = [Path(storage.path(name)) for finder in finders.get_finders() for name, storage in finder.list(None)]
    facts = sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found)
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()
