"""The seat map on a cheap phone: a browser with a phone's screen, fingers, and a CPU four times slower.

    .venv/bin/python bench/seat_map.py
    .venv/bin/python bench/seat_map.py --against /path/to/another/checkout --seats 20000

Another checkout is measured in turns with this one, so that what else the machine does hits both alike. Told are the
medians of the rounds: when the hall is drawn, the longest task of the page's thread and the 95th of 100 frames while
panning and pinching, bytes of a poll and of the page (headers included), and how long it takes until the page knows
of another fan's hold.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from stack import ROOT, Fan, Show, Stack, launched, throwaway

sys.path.insert(0, str(ROOT))

from concert_site.tests.browser.visitor import CHROMIUM, QUIET, Visitor

SCREEN = (390, 844)
SLOWER = 4
STEPS = 60
STEP_SECONDS = 0.016
POLLS_SECONDS = 5
SEEN_ROUNDS = 5
# A frame each time the page could show one.
WATCH_FRAMES = """() => {
  window.frames_seen = [];
  let last = performance.now();
  const note = (now) => {
    window.frames_seen.push(now - last);
    last = now;
    window.frame = requestAnimationFrame(note);
  };
  window.frame = requestAnimationFrame(note);
}"""
STOP_WATCHING = "() => { cancelAnimationFrame(window.frame); return window.frames_seen.slice(1); }"
TRACED = ["disabled-by-default-devtools.timeline", "devtools.timeline", "toplevel"]
WATCH_NOTICE = """() => {
  window.taken_at = 0;
  new MutationObserver(() => { window.taken_at ||= Date.now(); })
    .observe(document.getElementById("notice"), { childList: true, characterData: true, subtree: true });
}"""
DRAWN = """() => {
  const [found] = performance.getEntriesByName("hall-map", "measure");
  return found ? found.startTime + found.duration : 0;
}"""


@dataclass(frozen=True)
class Place:
    """A running site with a show, a fan who looks, and the headers of another who is inside and holds."""

    name: str
    site: Stack
    show: Show
    fan: Mapping[str, str]
    holder: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.port}/"


def main() -> None:
    options = arguments()
    roots = {"this": ROOT} | ({"other": options.against} if options.against else {})
    figures: dict[tuple[str, int], list[dict[str, float]]] = {}
    with ExitStack() as stack, sync_playwright() as playwright:
        places = [
            stack.enter_context(opened(name, root, seats)) for seats in options.seats for name, root in roots.items()
        ]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for nth in range(options.rounds):
            for place in places:
                found = measure(browser, place, nth)
                figures.setdefault((place.name, len(place.show.seats)), []).append(found)
                print(f"{place.name:6} {len(place.show.seats):6}", json.dumps(found), f"load {os.getloadavg()[0]:.1f}")
        browser.close()
    report(figures)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout")
    return parser.parse_args()


def report(figures: Mapping[tuple[str, int], Sequence[Mapping[str, float]]]) -> None:
    for (name, seats), rounds in figures.items():
        print(f"\n{name}, {seats} seats, medians of {len(rounds)} (range)")
        for key in rounds[0]:
            values = [each[key] for each in rounds]
            print(f"  {key:28} {median(values):9.1f}  ({min(values):.1f} - {max(values):.1f})")


@contextmanager
def opened(name: str, root: Path, seats: int) -> Iterator[Place]:
    with throwaway(partial(Stack, root=root)) as site, launched(site):
        show = site.make_show(seats=seats, max_active=1000, tickets_per_fan=20)
        made = site.manage("make_fans", "2", "--balance=100000000")
        fans = [Fan(each["id"], each["access_token"]) for each in made]
        with site.connect() as connection:
            tokens = site.let_in(connection, show, fans)
        yield Place(name, site, show, made[0], fans[1].bearer | {"X-Queue-Token": tokens[fans[1].id]})


# --- One visit ------------------------------------------------------------------------------------


def measure(browser: Browser, place: Place, nth: int) -> dict[str, float]:
    visitor = Visitor.arrive(browser, place.url, SCREEN, has_touch=True, is_mobile=True, device_scale_factor=2)
    try:
        visitor.be(place.fan["email"], place.fan["password"])
        page, phone = visitor.page, visitor.page.context.new_cdp_session(visitor.page)
        phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        sizes = counted_bytes(phone)
        # Another page first: connections are open and the browser is warm, as for who comes out of the line.
        visitor.go("bookings/")
        sizes.clear()
        visitor.go(f"schedules/{place.show.schedule}/seats/")
        page.wait_for_function(DRAWN, timeout=30_000)
        figures = {"drawn, ms": page.evaluate(DRAWN), "page, bytes": sum(size for _, size in sizes)}
        page.wait_for_timeout(1500)
        figures |= moving(browser, page, phone)
        sizes.clear()
        page.wait_for_timeout(1000 * POLLS_SECONDS)
        polls = [size for url, size in sizes if "availability" in url or "changes" in url]
        figures |= {"largest poll, bytes": max(polls, default=0), "polls a second": len(polls) / POLLS_SECONDS}
        return figures | seen(page, visitor, place, nth)
    finally:
        visitor.page.context.close()


def counted_bytes(phone: CDPSession) -> list[tuple[str, int]]:
    """What each request took on the wire, headers included, as they end."""
    addresses: dict[str, str] = {}
    sizes: list[tuple[str, int]] = []
    phone.send("Network.enable")
    phone.on("Network.requestWillBeSent", lambda said: addresses.update({said["requestId"]: said["request"]["url"]}))
    phone.on(
        "Network.loadingFinished",
        lambda said: sizes.append((addresses.get(said["requestId"], ""), int(said["encodedDataLength"]))),
    )
    return sizes


def moving(browser: Browser, page: Page, phone: CDPSession) -> dict[str, float]:
    """Longest task and frames while a finger pans and two pinch."""
    box = page.locator("#hall-frame").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    figures = {}
    for name, gesture in (("pinching", pinch), ("panning", pan)):
        browser.start_tracing(page=page, categories=TRACED)
        page.evaluate(WATCH_FRAMES)
        gesture(phone, x, y)
        frames = sorted(page.evaluate(STOP_WATCHING))
        trace = json.loads(browser.stop_tracing())
        figures[f"{name}: longest task, ms"] = longest_task(trace, "dur")
        figures[f"{name}: longest task, CPU ms"] = longest_task(trace, "tdur")
        figures[f"{name}: p95 frame, ms"] = frames[int(0.95 * len(frames))]
    return figures


def touch(phone: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    touches = [{"x": x, "y": y, "id": nth} for nth, (x, y) in enumerate(points)]
    phone.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def pinch(phone: CDPSession, x: float, y: float) -> None:
    """Apart and together again, and apart at the end: panning needs a map that is larger than its frame."""
    spread = [20 + 140 * nth / STEPS for nth in range(STEPS)]
    for way in (spread, spread[::-1], spread):
        touch(phone, "touchStart", (x - way[0], y), (x + way[0], y))
        for each in way[1:]:
            touch(phone, "touchMove", (x - each, y), (x + each, y))
            time.sleep(STEP_SECONDS)
        touch(phone, "touchEnd")


def pan(phone: CDPSession, x: float, y: float) -> None:
    """To and fro, and up and down."""
    ways = [(120, 90), (-120, -90), (-120, 90), (120, -90)]
    for dx, dy in ways:
        touch(phone, "touchStart", (x - dx, y - dy))
        for nth in range(1, STEPS):
            share = 2 * nth / STEPS - 1
            touch(phone, "touchMove", (x + dx * share, y + dy * share))
            time.sleep(STEP_SECONDS)
        touch(phone, "touchEnd")


def longest_task(trace: Mapping[str, Sequence[Mapping[str, object]]], what: str) -> float:
    """In milliseconds, of the threads that run a page's scripts: by the clock, or what it computed.

    On a machine with other work the clock counts the others' turns as well; what a slower CPU adds is in both.
    """
    events = trace["traceEvents"]
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and "CrRendererMain" in str(each["args"])
    }
    tasks = [each for each in events if each["name"] in {"RunTask", "ThreadControllerImpl::RunTask"}]
    return max(
        (float(str(each.get(what, 0))) / 1000 for each in tasks if (each["pid"], each["tid"]) in threads), default=0
    )


def seen(page: Page, visitor: Visitor, place: Place, nth: int) -> dict[str, float]:
    """From the answer to another fan's hold until the page has taken the seat off the choice."""
    took = []
    for turn in range(SEEN_ROUNDS):
        seat = place.show.seats[SEEN_ROUNDS * nth + turn]
        visitor.go(f"schedules/{place.show.schedule}/seats/?keep={seat}")
        page.wait_for_function("() => document.querySelectorAll('#chosen li').length === 1", timeout=30_000)
        page.wait_for_timeout(1000 + 137 * turn)
        page.evaluate(WATCH_NOTICE)
        body = {"schedule": place.show.schedule, "seats": [seat]}
        status, said = place.site.ask("POST", "reservations/", body, place.holder)
        if status != 201:
            raise SystemExit(f"Nothing was held: {status} {said}")
        held_at = 1000 * time.time()
        page.wait_for_function("() => window.taken_at > 0", timeout=30_000)
        took.append(page.evaluate("window.taken_at") - held_at)
    return {"another's hold seen, ms": max(took), "another's hold seen, median, ms": median(took)}


if __name__ == "__main__":
    main()
