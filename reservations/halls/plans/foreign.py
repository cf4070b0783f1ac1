"""Files of other kinds, told by how they begin: what they are, and what a plan has that they don't."""

import re

from django.utils.translation import gettext as _

# How files begin that are no text of ours, and what people call them.
MAGIC = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"AC10": "DWG",
}
BEGINNING = 2_000
# A first line of several words between commas, semicolons or tabs, and no bracket before them.
TABLE = re.compile(r"[^\n{}\[\]<>]*[,;\t][^\n{}\[\]<>]*(?:\n|$)")
# What columns of tables are called, for each thing that a seat needs.
COLUMNS = {
    "seat_guid": ("guid", "id", "uuid"),
    "zone": ("zone", "section", "sector", "block", "구역"),
    "row_number": ("row", "열", "reihe"),
    "seat_number": ("seat", "number", "번호", "좌석", "platz"),
    "category": ("category", "grade", "price", "등급"),
    "position": ("x", "pos", "left"),
}


def foreign_kind(content: bytes) -> str:
    """What to say of a file of another kind; blank if it may be JSON."""
    for begins, name in MAGIC.items():
        if content.startswith(begins):
            return _("The file is a %(kind)s file. A seating plan is a JSON file: zones, rows and seats by name") % {
                "kind": name
            }
    text = content[:BEGINNING].decode("utf-8-sig", "ignore").lstrip()
    if text.startswith("<"):
        return of_markup(text.lower())
    return of_table(text) if TABLE.match(text) else ""


def of_markup(text: str) -> str:
    if "<svg" in text:
        return _(
            "The file is a drawing (SVG): it shows circles, and doesn't say which seat is which. Missing: zones, rows,"
            " seat_guid, seat_number, category. Export the plan as JSON from the editor"
        )
    return _("The file is a page or a document (HTML or XML). A seating plan is a JSON file: zones, rows and seats")


def of_table(text: str) -> str:
    """What to say of a table: which things of a seat it has no column for."""
    header = re.split(r"[,;\t]", text.splitlines()[0].lower())
    words = {word for title in header for word in re.findall(r"[^\W_]+", title)}
    missing = [name for name, known in COLUMNS.items() if words.isdisjoint(known)]
    if not missing:
        return _("The file is a table (CSV). Its columns name everything; a seating plan is the same as JSON, by zones")
    return _("The file is a table (CSV). A seating plan is a JSON file, and here is no column for: %(missing)s") % {
        "missing": ", ".join(missing)
    }
