"""Files packed by ZIP or gzip: the one plan in them, and no more bytes of it than a plan may have."""

import zlib
from io import BytesIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from django.utils.translation import gettext as _

from reservations.halls.plans.problems import PlanRefused

# A plan of 100,000 seats with every optional key has some 25 MB; 20,000 seats have 5.
MOST_BYTES = 30_000_000
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
# What makes an archive a workbook.
WORKBOOK = "[Content_Types].xml"
LONGEST_NAME, NAMES_LISTED = 60, 5


def too_large(size: int) -> str:
    """What to say of a file of this size."""
    megabytes = {"size": f"{size / 1e6:,.0f}", "most": f"{MOST_BYTES / 1e6:.0f}"}
    return _("The file has %(size)s MB; a plan may have %(most)s MB") % megabytes


def unpacked(content: bytes) -> bytes:
    """What a file holds, once it is unpacked if it was packed.

    :raises PlanRefused: if it can't be unpacked, or it isn't clear what is meant
    """
    if content.startswith(ZIP):
        return from_zip(content)
    return from_gzip(content) if content.startswith(GZIP) else content


def from_gzip(content: bytes) -> bytes:
    """The file in a gzip; a byte more than a plan may have, where there is more.

    :raises PlanRefused: if it is damaged
    """
    try:
        return zlib.decompressobj(wbits=31).decompress(content, MOST_BYTES + 1)
    except zlib.error as error:
        raise PlanRefused([_("The packed file is damaged")]) from error


def from_zip(content: bytes) -> bytes:
    """The only JSON file in an archive.

    :raises PlanRefused: if there is none, or several; if it is locked, damaged, or too large
    """
    try:
        with ZipFile(BytesIO(content)) as archive:
            entry = only_plan(archive.infolist())
            if entry.file_size > MOST_BYTES:
                raise PlanRefused([too_large(entry.file_size)])
            with archive.open(entry) as file:
                # An archive may say one size and hold another.
                return file.read(MOST_BYTES + 1)
    # Whatever is unknown, locked (RuntimeError) or broken in it.
    except (BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, OSError) as error:
        raise PlanRefused([_("The packed file is damaged, or locked by a password")]) from error


def only_plan(entries: list[ZipInfo]) -> ZipInfo:
    """The entry of an archive that can be a plan.

    :raises PlanRefused: if that isn't exactly one
    """
    names = [entry.filename for entry in entries]
    if WORKBOOK in names:
        raise PlanRefused(
            [_("The file is a document or a workbook of an office program; a seating plan is a JSON file")]
        )
    files = [each for each in entries if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
    plans = [each for each in files if each.filename.lower().endswith(".json")]
    if len(plans) == 1:
        return plans[0]
    if plans:
        raise PlanRefused([_("The ZIP file holds several JSON files; upload one of them: %(names)s") % listed(plans)])
    raise PlanRefused([_("The ZIP file holds no JSON file; it holds: %(names)s") % listed(files)])


def listed(entries: list[ZipInfo]) -> dict[str, str]:
    """The first names of some entries."""
    names = [entry.filename[:LONGEST_NAME] for entry in entries[:NAMES_LISTED]]
    return {"names": ", ".join([*names, "…"] if len(entries) > NAMES_LISTED else names) or "–"}
