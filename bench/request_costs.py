"""What metrics and JSON logs cost a request: the same requests with them on and off, in turns.

    .venv/bin/python bench/request_costs.py [--rounds 12] [--requests 300]

One process, one thread, no network: a front as granian calls it, against the embedded services of MODE=test. Each round
has a turn with and one without; what is told is processor time a request, the median of all turns, and their ratio.
"""

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concert_site.front.server import Front

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))


async def turn(front: "Front", path: str, requests: int) -> float:
    """Processor seconds a request."""
    from concert_site.tests.rsgi_client import ask

    began = time.process_time()
    for _ in range(requests):
        answer = await ask(front, path)  # type: ignore[no-untyped-call]  # tests are not annotated
        assert answer.status == 200, answer
    return (time.process_time() - began) / requests


async def measure(paths: list[str], rounds: int, requests: int) -> dict[str, tuple[float, float]]:
    from django.conf import settings

    from concert_site.front.handlers import ApiHandler, Dispatcher, SiteHandler
    from concert_site.front.server import Front
    from concert_site.lib import metrics
    from concert_site.lib.log_format import JsonFormatter, LineFormatter

    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = Path(os.devnull).open("w")  # noqa: SIM115  until the process ends
    front = Front(Dispatcher(SiteHandler(), ApiHandler()))
    front.__rsgi_init__(asyncio.get_running_loop())
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            turns: dict[bool, list[float]] = {True: [], False: []}
            await turn(front, path, requests)
            for _ in range(rounds):
                for is_on in (True, False):
                    settings.LOG_REQUESTS = is_on
                    handler.setFormatter(JsonFormatter() if is_on else LineFormatter())
                    if is_on:
                        metrics.begin("web", Path(folder))
                    turns[is_on].append(await turn(front, path, requests))
                    if is_on:
                        metrics.end()
            found[path] = statistics.median(turns[True]), statistics.median(turns[False])
    front.__rsgi_del__(asyncio.get_running_loop())
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=12)
    words.add_argument("--requests", type=int, default=300)
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontrow-costs-") as data:
        os.environ |= {"MODE": "test", "DJANGO_SETTINGS_MODULE": "concert_site.settings"}
        from concert_site.embedded.environment import prepared

        with prepared(["manage.py", "shell", "--data-dir", data]):
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            from reservations.tests.factories import make_schedule, make_seats

            schedule = make_schedule()
            make_seats(schedule, 50)
            paths = [
                f"/api/v1/schedules/{schedule.pk}/",
                f"/api/v1/schedules/{schedule.pk}/queue/",
                "/api/v1/concerts/",
            ]
            found = asyncio.run(measure(paths, chosen.rounds, chosen.requests))
    for path, (on, off) in found.items():
        print(f"{path}: {off * 1e3:.3f} ms without, {on * 1e3:.3f} ms with, ratio {on / off:.3f}")


if __name__ == "__main__":
    main()
