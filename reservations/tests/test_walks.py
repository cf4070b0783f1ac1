"""How far one has to go through files to follow the four walks of the waiting room.

A walk is what runs, in the order in which each function is first called. A stay is one unbroken visit to a file, and
coming back counts anew; a climb is a step from a lower layer to a higher one, by app and by the rooms inside it. What
is asked of a value (its properties, and what they call) is no step, nor what Django calls by itself, nor
`concert_site.lib`.
"""

import sys
from functools import cached_property
from inspect import unwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_fan
from queueing.models import TokenStatus
from queueing.tests.factories import make_active, make_line
from reservations.domain import waiting_room
from reservations.tests.factories import make_schedule, make_seats
from reservations.views import seats, waiting

pytestmark = pytest.mark.django_db

APPS = ("queueing", "wallet", "reservations", "payments")
# As the contract of layers in pyproject.toml has them, from below.
ROOMS = ("facts", "halls pace verification", "models", "page tickets", "queries audit", "domain", "views api")
# Every page of the site has it around what its view shows.
FRAME = "reservations/views/hold_bar.py"


class Stay(NamedTuple):
    """A visit to a file, and what was called there."""

    path: str
    called: list[str]

    @property
    def layer(self):
        app, room, *_rest = Path(self.path).with_suffix("").parts
        return {"queueing": 0, "wallet": 0, "reservations": 1, "payments": 2}[app], next(
            nth for nth, names in enumerate(ROOMS) if room in names.split()
        )


class Walk:
    """Follows the calls of one thread, from the first call of `start` to its end."""

    def __init__(self, start):
        self.start, self.first, self.aside = unwrap(start).__code__, None, None
        self.stays, self.known = [], set()
        self.properties = property_codes()

    def __call__(self, frame, event, _arg):
        if event == "call":
            self.enter(frame)
        elif event == "return" and frame is self.aside:
            self.aside = None
        elif event == "return" and frame is self.first:
            sys.setprofile(None)

    def enter(self, frame):
        code, path = frame.f_code, path_of(frame)
        if self.first is None and code is self.start:
            self.first = frame
        if self.first is None or self.aside is not None or path is None:
            return
        if code in self.properties or path == FRAME:
            self.aside = frame
        elif code not in self.known and not code.co_name.startswith(("<", "__")):
            self.known.add(code)
            if not self.stays or self.stays[-1].path != path:
                self.stays.append(Stay(path, []))
            self.stays[-1].called.append(code.co_name)

    def climbs(self):
        return sum(above.layer > below.layer for below, above in zip(self.stays, self.stays[1:], strict=False))


def path_of(frame):
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(settings.BASE_DIR):
        return None
    inside = path.relative_to(settings.BASE_DIR)
    return str(inside) if inside.parts[0] in APPS and "tests" not in inside.parts else None


def property_codes():
    classes = {
        each
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in APPS
        for each in vars(module).values()
        if isinstance(each, type)
    }
    values = [value for each in classes for value in vars(each).values()]
    getters = [value.fget for value in values if isinstance(value, property)]
    getters += [value.func for value in values if isinstance(value, cached_property)]
    return {getter.__code__ for getter in getters if hasattr(getter, "__code__")}


def follow(start, act):
    walk = Walk(start)
    sys.setprofile(walk)
    try:
        answer = act()
    finally:
        sys.setprofile(None)
    assert walk.stays, f"{start.__name__} was not called"
    return walk, answer


def check(walk, *, stays, climbs):
    told = "\n".join(f"{each.path}: {' '.join(each.called)}" for each in walk.stays)
    assert len(walk.stays) <= stays, told
    assert walk.climbs() <= climbs, told


def page(user, address):
    client = Client()
    client.force_login(user)
    return lambda: client.get(address)


def test_join_before_the_draw():
    schedule, fan = make_schedule(), make_fan()
    make_seats(schedule, 4)
    make_line(schedule, 3)

    walk, _joined = follow(waiting_room.join, lambda: waiting_room.join(user_id=fan.pk, schedule_id=schedule.pk))

    check(walk, stays=9, climbs=1)


def test_join_that_is_let_in_at_once():
    schedule, fan = make_schedule(), make_fan()
    make_seats(schedule, 4)
    # The first one opens the line: its numbers are drawn.
    waiting_room.join(user_id=make_fan().pk, schedule_id=schedule.pk)

    walk, joined = follow(waiting_room.join, lambda: waiting_room.join(user_id=fan.pk, schedule_id=schedule.pk))

    assert joined.token.status == TokenStatus.ACTIVE
    check(walk, stays=9, climbs=1)


def test_tick():
    schedule = make_schedule(queue_max_active=2)
    make_seats(schedule, 4)
    make_line(schedule, 3)

    first, admitted = follow(waiting_room.tick, lambda: waiting_room.tick(schedule.pk))
    second, _nobody = follow(waiting_room.tick, lambda: waiting_room.tick(schedule.pk))

    assert admitted == 2
    check(first, stays=12, climbs=2)
    check(second, stays=12, climbs=2)


def test_waiting_page_of_which_nothing_is_known():
    schedule = make_schedule()
    make_seats(schedule, 4)
    fan = make_line(schedule, 3)[-1].user

    walk, response = follow(waiting.waiting_room, page(fan, f"/schedules/{schedule.pk}/queue/"))

    assert response.status_code == 200
    check(walk, stays=14, climbs=2)


def test_seats_page_of_which_nothing_is_known():
    schedule = make_schedule()
    make_seats(schedule, 4)
    fan = make_active(schedule, since=now()).user

    walk, response = follow(seats.choose, page(fan, f"/schedules/{schedule.pk}/seats/"))

    assert response.status_code == 200
    check(walk, stays=18, climbs=3)
