"""How long staff wait for the import of a seating plan of 20,000 seats, over HTTP, in the admin of a running demo.

    make demo                                  # in another terminal
    .venv/bin/python bench/import_plan.py http://127.0.0.1:8000

It sets up a concert that is not published, with a date for each round, and prints the seconds of the two requests
that staff wait for: from the upload to the preview, and from saving to the date's page.
"""

import json
import re
import sys
import time

import requests

ZONES, ROWS, SEATS_A_ROW = 10, 50, 40
ROUNDS = 3
ADMIN = "/admin/reservations"


class Staff:
    """A member of staff at the admin of a demo."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, requests.Session()

    def get(self, path: str) -> str:
        return self.session.get(self.base + path, timeout=60).text

    def send(self, path: str, **fields: object) -> str:
        return self.post(path, fields)

    def post(self, path: str, fields: dict[str, object], files: dict[str, tuple[str, bytes]] | None = None) -> str:
        """Send a form; where that led."""
        form = fields | {"csrfmiddlewaretoken": self.session.cookies["csrftoken"]}
        address = self.base + path
        answer = self.session.post(address, form, files=files, headers={"Referer": address}, timeout=60)
        answer.raise_for_status()
        return answer.url.removeprefix(self.base)

    def log_in(self) -> None:
        self.get("/accounts/login/")
        self.send("/accounts/login/?next=/admin/", login="staff@frontrow.example", password="front-row-2026")

    def newest(self, model: str) -> int:
        return max(map(int, re.findall(rf"{ADMIN}/{model}/(\d+)/change/", self.get(f"{ADMIN}/{model}/?o=-1"))))

    def add_date(self, concert: int, day: int) -> int:
        times = {"concert_at": "19:30", "reservation_available_at": "10:00", "deadline_at": "17:30"}
        fields = {
            f"{name}_{nth}": text for name, at in times.items() for nth, text in enumerate((f"2037-05-{day:02}", at))
        }
        self.send(f"{ADMIN}/concertschedule/add/", concert=concert, queue_max_active=200, tickets_per_fan=4, **fields)
        return self.newest("concertschedule")


def plan() -> bytes:
    """A hall of straight rows, as an editor would save it."""
    categories = [{"name": "R", "color": "#2563eb"}, {"name": "S", "color": "#15803d"}]
    zones = [zone(nth) for nth in range(ZONES)]
    size = {"width": 6000, "height": 3000}
    return json.dumps({"name": "Big", "size": size, "categories": categories, "zones": zones}).encode()


def zone(nth: int) -> dict[str, object]:
    across, down = nth % 5, nth // 5
    rows = [
        {
            "row_number": str(row),
            "position": {"x": 0, "y": row * 24},
            "seats": [
                {
                    "seat_guid": f"{nth}-{row}-{seat}",
                    "seat_number": str(seat),
                    "position": {"x": seat * 22.5, "y": 0},
                    "category": "R" if row <= ROWS // 2 else "S",
                }
                for seat in range(1, SEATS_A_ROW + 1)
            ],
        }
        for row in range(1, ROWS + 1)
    ]
    return {"name": f"Z{nth}", "position": {"x": across * 1200, "y": down * 1400}, "rows": rows, "areas": []}


def uploaded(staff: Staff, schedule: int, content: bytes) -> str:
    path = f"{ADMIN}/concertschedule/{schedule}/import-plan/"
    field = re.search(r'<input[^>]*type="file"[^>]*>', staff.get(path))
    name = re.search(r'name="(\w+)"', field.group()) if field else None
    if name is None:
        raise SystemExit("The page of the import has no field for a file.")
    return staff.post(path, {}, {name.group(1): ("plan.json", content)})


def main() -> None:
    staff, content = Staff(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"), plan()
    staff.log_in()
    staff.send(f"{ADMIN}/concert/add/", name="A plan to import", status="UNAVAILABLE")
    concert = staff.newest("concert")
    print(f"{ZONES * ROWS * SEATS_A_ROW:,} seats, {len(content) / 1e6:.1f} MB")
    for nth in range(1, ROUNDS + 1):
        schedule = staff.add_date(concert, nth)
        began = time.perf_counter()
        preview = uploaded(staff, schedule, content)
        seen = time.perf_counter()
        end = staff.send(preview, price_0=150000, price_1=90000)
        saved = time.perf_counter()
        if not end.endswith(f"{schedule}/change/"):
            raise SystemExit(f"The plan was not saved; the admin led to {end}")
        print(f"upload to preview {seen - began:.2f} s, save {saved - seen:.2f} s")


if __name__ == "__main__":
    main()
