"""Seating plans that can't be used: every problem, and its place."""

import json
import random
import time
from contextlib import suppress
from copy import deepcopy

import pytest

from reservations.halls import plans
from reservations.halls.plans import PlanRefused, read_plan
from reservations.halls.plans.problems import LISTED
from reservations.halls.tests.planning import file, plan, row, seat, zone


def problems_of(found):
    """What is wrong with a plan, or with the bytes of a file."""
    with pytest.raises(PlanRefused) as refused:
        read_plan(found if isinstance(found, bytes) else file(found))
    assert refused.value.attr == "plan"
    return refused.value.problems


def with_seat(**keys):
    """A plan whose row 3 has a second seat like this."""
    return plan(zone(rows=[row("3", [seat("11"), seat("12", 20, **keys)])]))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"seat_guid": ""}, "it has no seat_guid"),
        ({"seat_guid": None}, "it has no seat_guid"),
        ({"seat_guid": ["x"]}, "it has no seat_guid"),
        ({"seat_guid": "a\u0000b"}, "its seat_guid has characters that can't be kept"),
        ({"seat_guid": "\ud800b"}, "its seat_guid has characters that can't be kept"),
        ({"seat_guid": "g" * 101}, f"'{'g' * 100}…' has 101 characters; at most 100 fit"),
        ({"position": None}, "it has no position"),
        ({"position": {"x": 1}}, "its position needs x and y, numbers between -1,000,000 and 1,000,000"),
        ({"position": {"x": "1", "y": 1}}, "its position needs x and y, numbers between -1,000,000 and 1,000,000"),
        ({"position": {"x": True, "y": 1}}, "its position needs x and y, numbers between -1,000,000 and 1,000,000"),
        ({"position": {"x": 1e400, "y": 1}}, "its position needs x and y, numbers between -1,000,000 and 1,000,000"),
        ({"category": ""}, "it has no category"),
        ({"category": None}, "it has no category"),
    ],
)
def test_a_seat_that_cant_be_sold_is_named(keys, problem):
    raw = json.dumps(with_seat(**keys)).replace("Infinity", "1e400").encode()

    assert problems_of(raw) == [f"zone 'Parkett', row 3, seat 12: {problem}"]


def test_a_seat_without_a_number_is_named_by_its_position():
    found = plan(zone(rows=[row("3", [seat("11"), seat("", position=None)])]))

    assert problems_of(found) == ["zone 'Parkett', row 3, seat #2: it has no position"]


def test_rows_and_zones_that_share_a_name_are_named_by_their_position_too():
    broken = row("A", [seat("1", seat_guid="")])

    assert problems_of(plan(zone(rows=[row("A"), broken]))) == [
        "zone 'Parkett', row A (#2), seat 1: it has no seat_guid"
    ]
    assert problems_of(plan(zone(), zone(rows=[broken]))) == ["zone 'Parkett (#2)', row A, seat 1: it has no seat_guid"]


def test_a_guid_that_repeats_is_told_with_all_its_places():
    rows = [row(str(n), [seat("1", seat_guid="S-1"), seat("2", seat_guid=f"S-{n}-2")]) for n in range(1, 6)]
    rows += [row("9", [seat("1", seat_guid="S-3-2")])]

    assert problems_of(plan(zone(rows=rows))) == [
        "5 seats repeat a seat_guid of another seat; 2 ids are used more than once",
        (
            "seat_guid 'S-1' is used 5 times: zone 'Parkett', row 1, seat 1; zone 'Parkett', row 2, seat 1;"
            " zone 'Parkett', row 3, seat 1; zone 'Parkett', row 4, seat 1; zone 'Parkett', row 5, seat 1"
        ),
        "seat_guid 'S-3-2' is used 2 times: zone 'Parkett', row 3, seat 2; zone 'Parkett', row 9, seat 1",
    ]


def test_an_unknown_category_is_told_once():
    seats = [seat(str(n), category="VIP") for n in range(1, 6)]

    (problem,) = problems_of(plan(zone(rows=[row("3", seats)])))

    assert problem == (
        "category 'VIP' is not among the categories of the plan: zone 'Parkett', row 3, seat 1;"
        " zone 'Parkett', row 3, seat 2; zone 'Parkett', row 3, seat 3; and 2 more places"
    )


def test_one_guid_that_repeats_needs_no_sum():
    found = plan(zone(rows=[row("3", [seat("1", seat_guid="S"), seat("2", seat_guid="S")])]))

    assert problems_of(found) == [
        "seat_guid 'S' is used 2 times: zone 'Parkett', row 3, seat 1; zone 'Parkett', row 3, seat 2"
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"position": None}, "it has no position"),
        # As an editor saves seats that nobody has given a category.
        ({"category": ""}, "it has no category"),
    ],
)
def test_what_all_seats_lack_is_told_once(keys, problem):
    found = plan(zone(rows=[row("3", [seat(str(n), **keys) for n in range(1, 51)])]))

    assert problems_of(found) == [
        (
            f"{problem}: zone 'Parkett', row 3, seat 1; zone 'Parkett', row 3, seat 2; zone 'Parkett', row 3, seat 3;"
            " and 47 more places"
        )
    ]


def test_many_problems_are_counted_and_the_first_are_told():
    seats = [seat(str(n), seat_guid=f"{n:03}" + "g" * 100) for n in range(1, LISTED + 31)]

    problems = problems_of(plan(zone(rows=[row("3", seats)])))

    assert len(problems) == LISTED + 1
    assert problems[0].startswith("zone 'Parkett', row 3, seat 1: '001gg")
    assert problems[-1] == "... and 30 more problems"


def test_all_problems_fit_into_one_line():
    with pytest.raises(PlanRefused) as refused:
        read_plan(
            file(plan(zone("A", [row("1", [seat("1", position=None, seat_guid="", category="x")])]), zone("B", 5)))
        )

    assert str(refused.value) == (
        "This seating plan can't be used. zone 'A', row 1, seat 1: it has no seat_guid"
        " | zone 'A', row 1, seat 1: it has no position | zone 'B': 'rows' must be a list | ... and 1 more problem"
    )


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (plan(zone("x" * 51)), f"zone '{'x' * 50}…': '{'x' * 50}…' has 51 characters; at most 50 fit"),
        (plan(zone(position={"x": 0})), "zone 'Parkett': its position needs x and y, numbers between"),
        (plan(zone(rows=[row("2", position=[1, 2])])), "zone 'Parkett', row 2: its position needs x and y"),
        (plan(zone(rows=[row("3" * 21)])), f"row {'3' * 20}…: '{'3' * 20}…' has 21 characters; at most 20 fit"),
        (plan(zone(rows=[row("2", [7])])), "zone 'Parkett', row 2: entry 1 of 'seats' must be an object"),
        (plan(zone(rows=["row"])), "zone 'Parkett': entry 1 of 'rows' must be an object"),
        (plan(zones={"a": 1}), "'zones' must be a list"),
        (plan(categories="R"), "'categories' must be a list"),
        (plan(zone(rows=[])), "It has no seats"),
    ],
)
def test_a_part_of_another_form_is_named(found, problem):
    assert problem in problems_of(found)[0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is not JSON: line 1, column 1: Expecting value"),
        (b'{\n  "name": "x",\n  "zones": [,]\n}', "The file is not JSON: line 3, column 13: Expecting value"),
        (b"[1]", "The file is JSON, but no seating plan: 'zones' is missing. It is a list, and no plan is in it"),
        (b"{}", "The file is JSON, but no seating plan: it is empty, and 'zones' is missing"),
        (b'{"zones": NaN}', "The file has NaN where a number should be"),
        (b'{"zones": -Infinity}', "The file has -Infinity where a number should be"),
        (b"[" * 200_000, "The file nests its objects too deeply for a seating plan"),
        (b'{"zones":' * 200_000, "The file nests its objects too deeply for a seating plan"),
        (b'{"zones": [], "name": "a", "zones": []}', "An object of the file has a key twice: 'zones'"),
        ('{"name": "좌석"}'.encode("euc-kr"), "The file is not a text in UTF-8 (byte 10)"),
        (b"\x89\x80 no text", "The file is not a text in UTF-8 (byte 0)"),
    ],
)
def test_a_file_that_is_no_plan_is_told_so(content, problem):
    assert problems_of(content) == [problem]


def test_a_number_of_a_million_digits_is_too_far_out_and_quickly_so():
    raw = file(with_seat(position={"x": 12345, "y": 0})).replace(b"12345", b"9" * 1_000_000)
    begun = time.process_time()

    (problem,) = problems_of(raw)

    assert "its position needs x and y" in problem
    assert time.process_time() - begun < 2


def test_a_file_that_is_too_large_is_not_even_read():
    assert problems_of(b"{" * 30_000_001) == ["The file has 30 MB; a plan may have 30 MB"]


def test_a_plan_of_too_many_seats_is_refused(monkeypatch):
    monkeypatch.setattr(plans, "MOST_SEATS", 2)

    assert problems_of(plan()) == ["It has 3 seats; at most 2 can be sold"]


def test_a_plan_of_too_many_categories_is_refused():
    kinds = [{"name": "R"}, *({"name": f"R{n}"} for n in range(200))]

    assert problems_of(plan(categories=kinds)) == ["It has 201 categories; at most 200 can be priced"]


def test_whatever_is_broken_is_refused_or_read_and_never_an_accident():
    chance = random.Random(11)
    junk = [None, True, 0, -1, 1e308, "", "x" * 200, "\u0000", [], {}, [[]], {"x": {}}, "<script>"]
    for _ in range(800):
        found = json.loads(
            file(plan(zone(areas=[{"shape": "circle", "circle": {"radius": 1}, "position": {"x": 1, "y": 2}}])))
        )
        for _ in range(chance.randint(1, 3)):
            at = found
            while True:
                key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
                if not isinstance(at[key], dict | list) or not at[key] or chance.random() < 0.2:
                    break
                at = at[key]
            at[key] = deepcopy(chance.choice(junk))
        with suppress(PlanRefused):
            hall = read_plan(file(found)).hall({"R": 1})
            assert len({seat.guid for seat in hall.seats}) == len(hall.seats) > 0
