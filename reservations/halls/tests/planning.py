"""Seating plans for tests, in the words of the format."""

import json
from itertools import count
from pathlib import Path

# Our own, with the habits of plans in the wild: fractions, extra keys, every shape, names that aren't numbers.
ODEON = Path(__file__).with_name("odeon.json")
guids = count(1)


def seat(number="1", x=0.0, y=0.0, **keys):
    """A seat of category R with a GUID of its own."""
    place = {"seat_number": number, "position": {"x": x, "y": y}}
    return {"seat_guid": f"guid-{next(guids)}", "category": "R"} | place | keys


def row(number="1", seats=None, **keys):
    """A row of three seats, 20 apart, unless given others."""
    seats = [seat(str(nth + 1), 20.0 * nth) for nth in range(3)] if seats is None else seats
    return {"row_number": number, "position": {"x": 10.0, "y": 20.0}, "seats": seats} | keys


def zone(name="Parkett", rows=None, **keys):
    """A zone of one row, unless given others."""
    rows = [row()] if rows is None else rows
    return {"name": name, "position": {"x": 100.0, "y": 50.0}, "rows": rows, "areas": []} | keys


def plan(*zones, **keys):
    """A plan with category R; one zone unless given others."""
    return {
        "name": "Hall",
        "categories": [{"name": "R", "color": "#2563eb"}],
        "size": {"width": 500, "height": 400},
        "zones": list(zones) or [zone()],
    } | keys


def file(found):
    """A plan as a file."""
    return json.dumps(found).encode()


def large_plan(seats):
    """A plan of so many seats, with the optional keys that editors write."""
    uuid = "09bae4c2-2b16-4ed5-9c70-1f51ff1e8ea7"
    rows = [
        row(
            str(nth + 1),
            [seat(str(n + 1), 20.5 * n, uuid=uuid, radius=10) for n in range(40)],
            position={"x": 0, "y": 25 * nth},
        )
        for nth in range(seats // 40)
    ]
    zones = [zone(f"Block {start}", rows[start : start + 25]) for start in range(0, len(rows), 25)]
    return plan(*zones)
