"""Plans as they come: packed, inside of something else, of another maker, with seats that aren't for sale."""

import gzip
import json
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from reservations.halls.plans import PlanRefused, read_plan
from reservations.halls.plans.packed import MOST_BYTES
from reservations.halls.tests.planning import file, plan, row, seat, zone


def problems_of(content):
    with pytest.raises(PlanRefused) as refused:
        read_plan(content)
    return refused.value.problems


def zipped(files):
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


# --- Packed and wrapped ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        lambda content: zipped({"__MACOSX/hall.json": b"", "a/hall.JSON": content, "readme.txt": b""}),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.decode().encode("utf-16"),
    ],
)
def test_a_packed_plan_is_read(pack):
    assert read_plan(pack(file(plan()))).seat_count == 3


@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda found: {"id": 1, "name": "Hall", "layout": found}, "layout"),
        # As pretix's API answers it: a text.
        (lambda found: {"id": 1, "layout": json.dumps(found)}, "layout"),
        (lambda found: {"count": 1, "results": [{"layout": found}]}, "results[0].layout"),
        (lambda found: [found], "[0]"),
    ],
)
def test_a_plan_inside_of_something_else_is_found_and_said(wrap, place):
    read = read_plan(file(wrap(plan())))

    assert (read.seat_count, read.name) == (3, "Hall")
    assert read.notices == [f"The plan was found inside the file, at {place}."]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            file({"results": [{"layout": plan(name="A")}, {"layout": plan(name="B")}]}),
            "The file holds 2 plans; save one of them by itself: results[0].layout ('A'); results[1].layout ('B')",
        ),
        (
            file({"name": "Hall", "rows": []}),
            "The file is JSON, but no seating plan: 'zones' is missing. It has: 'name', 'rows'",
        ),
        (
            file({"subChart": {}, "categories": {"list": []}}),
            "The file seems to be a chart of seats.io: 'zones' is missing. Export it in the format of pretix",
        ),
        (
            b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
            (
                "The file is a drawing (SVG): it shows circles, and doesn't say which seat is which. Missing: zones,"
                " rows, seat_guid, seat_number, category. Export the plan as JSON from the editor"
            ),
        ),
        (
            "\ufeffsection;row;seat\nA;1;1\n".encode(),
            (
                "The file is a table (CSV). A seating plan is a JSON file, and here is no column for:"
                " seat_guid, category, position"
            ),
        ),
        (
            b"%PDF-1.7\n...",
            "The file is a PDF file. A seating plan is a JSON file: zones, rows and seats by name",
        ),
        (zipped({"a.svg": b"", "b.txt": b""}), "The ZIP file holds no JSON file; it holds: a.svg, b.txt"),
        (
            zipped({"a.json": b"", "b.json": b""}),
            "The ZIP file holds several JSON files; upload one of them: a.json, b.json",
        ),
        (
            zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}),
            "The file is a document or a workbook of an office program; a seating plan is a JSON file",
        ),
        (zipped({"a.json": b"{}" * 100})[:60], "The packed file is damaged, or locked by a password"),
        (b"\x1f\x8b broken", "The packed file is damaged"),
    ],
    ids=[
        "several",
        "no zones",
        "maker",
        "svg",
        "csv",
        "pdf",
        "no json",
        "several json",
        "workbook",
        "broken zip",
        "gzip",
    ],
)
def test_another_kind_of_file_is_told_what_is_missing(content, problem):
    assert problems_of(content) == [problem]


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped({"plan.json": content})])
def test_a_small_file_can_not_unpack_into_a_large_one(pack):
    bomb = pack(b" " * (MOST_BYTES + 1_000_000))

    assert len(bomb) < 200_000
    assert problems_of(bomb)[0].endswith("a plan may have 30 MB")


# --- Seats that aren't for sale --------------------------------------------------------------------


def test_seats_that_the_file_takes_off_sale_are_off_sale_and_said():
    keys = [{"status": "available"}, {"status": "Sold"}, {"status": "sold"}, {"salable": False}, {"blocked": True}]
    keys += [{"status": "restricted view"}, {"status": 2}, {"salable": True, "blocked": False}]
    read = read_plan(file(plan(zone(rows=[row("1", [seat(str(n), 20.0 * n, **each) for n, each in enumerate(keys)])]))))

    assert [each.number for each in read.hall({"R": 1}).seats if each.is_off_sale] == [1, 2, 3, 4]
    assert read.notices == [
        (
            "4 seats aren't for sale by the file and are off sale: status 'Sold' (1), status 'sold' (1),"
            " salable: false (1), blocked: true (1)."
        ),
        ("2 seats have a status that isn't known and are for sale: status 'restricted view' (1), status '2' (1)."),
    ]


# --- Categories ------------------------------------------------------------------------------------


def test_seats_without_a_category_get_the_one_that_staff_give():
    found = plan(zone(rows=[row("1", [seat("1"), seat("2", 20.0, category=""), seat("3", 40.0, category=None)])]))

    read = read_plan(file(found), category=" Standard ")

    assert [each.category.name for each in read.hall({"R": 1, "Standard": 1}).seats] == ["R", "Standard", "Standard"]
    assert read.notices == ["2 seats have no category and get “Standard”."]


def test_a_plan_that_lists_no_categories_has_those_of_its_seats():
    found = plan(zone(rows=[row("1", [seat("1"), seat("2", 20.0, category="S")])]))
    del found["categories"]

    read = read_plan(file(found))

    assert list(read.categories) == ["R", "S"]
    assert len(set(read.categories.values())) == 2
    assert read.notices == ["The file lists no categories; those that its seats name were taken."]
