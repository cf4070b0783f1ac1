"""No page is heavier than 60 kB before its posters: for a cheap phone on a full network.

Counted is what a browser asks for before it shows a page for the first time: the HTML, every style sheet and script
that it names, what those scripts import, and the font. All as it is sent, that is packed by gzip; a font is packed as
it is.
"""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from queueing.tests.factories import make_active
from reservations.tests.factories import make_concert, make_schedule, make_seats

pytestmark = pytest.mark.django_db

MOST_BYTES = 60_000
LONG = "한밤의 라디오 공개방송 · Midnight Radio, Live in the Small Room of the Corner Theatre"


def files_of(page):
    """Every file of ours that a page loads, with what its scripts import."""
    named = re.findall(r'(?:href|src)="/static/((?:css|js|fonts)/[^"]+)"', page)
    found, left = set(), {name for name in named if "img/" not in name}
    while left:
        name = left.pop()
        found.add(name)
        if name.endswith(".js"):
            imports = re.findall(r'from "\./([\w-]+\.js)"', source_of(name).decode())
            left |= {f"js/{each}" for each in imports} - found
    return found


def source_of(name):
    return (Path(settings.BASE_DIR) / "static" / name).read_bytes()


def sent(name):
    body = source_of(name)
    return len(body) if name.endswith(".woff2") else len(gzip.compress(body, 6))


def weight_of(page):
    return len(gzip.compress(page.encode(), 6)) + sum(map(sent, files_of(page)))


def make_programme(concerts):
    for number in range(concerts):
        concert = make_concert(name=f"{LONG} {number}", host=LONG, description=LONG * 9, poster=f"posters/{number}.jpg")
        make_seats(make_schedule(concert, reservation_available_at=now() + timedelta(hours=number - 9)), 2)


def make_tour(dates):
    concert = make_concert(name=LONG, host=LONG, description=LONG * 9)
    for number in range(dates):
        make_seats(
            make_schedule(concert, concert_at=now() + timedelta(days=1 + number // 2, hours=3 * (number % 2))), 1
        )
    return reverse("concert", args=[concert.pk])


def page_at(address, fan=None):
    clear_caches()
    client = Client(headers={"accept-language": "ko"})
    if fan is not None:
        client.force_login(fan)
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_no_page_of_the_programme_is_heavier_than_sixty_kilobytes():
    make_programme(100)
    pages = {"programme": "/", "search": "/?search=%E3%84%B9%E3%84%B7%E3%85%87", "tour": make_tour(300)}

    weights = {name: weight_of(page_at(address)) for name, address in pages.items()}

    assert {name: weight for name, weight in weights.items() if weight > MOST_BYTES} == {}


def test_no_page_of_a_booking_is_heavier_than_sixty_kilobytes():
    schedule = make_schedule()
    make_seats(schedule, 40)
    fan = make_fan()
    make_active(schedule, fan, since=now())
    seats, waiting = (reverse(name, args=[schedule.pk]) for name in ("seats", "waiting_room"))

    weights = {at: weight_of(page_at(at, fan)) for at in [seats, "/bookings/", "/wallet/", "/accounts/profile/"]}
    # Who is inside is led on to the seats.
    weights[waiting] = weight_of(page_at(waiting, make_fan()))

    assert {at: weight for at, weight in weights.items() if weight > MOST_BYTES} == {}


def test_a_page_above_its_weight_is_found():
    page = '<link href="/static/css/frontrow.css"><script src="/static/js/seats.js"></script>'

    assert {"css/frontrow.css", "js/seats.js", "js/hall_map.js"} <= files_of(page)
    assert weight_of(page + "".join(map(str, range(40_000)))) > MOST_BYTES
