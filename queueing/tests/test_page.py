"""What the waiting page tells its script to read off."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from queueing.facts import LineMeasurement, TokenView
from queueing.pace import MOST_MINUTES, ahead_by_minutes, minutes_of_wait
from queueing.page import rounded_up, waiting_page
from queueing.tests.factories import make_snapshot

TOKEN = TokenView(UUID(int=1), 1, "WAITING", 123_456, datetime(2031, 5, 1, tzinfo=UTC))


def test_the_table_of_what_is_said_aloud_has_it_for_every_number_served():
    steps = dict(json.loads(waiting_page(make_snapshot(), TOKEN).about))

    assert len(steps) < 200
    said = None
    for serving in range(TOKEN.number):
        said = steps.get(serving, said)
        assert said == rounded_up(TOKEN.number - 1 - serving)


@pytest.mark.parametrize("speed", [0.4, 1.0, 30.0, 33.3, 499.9, 5000.0])
def test_the_table_of_minutes_has_the_wait_of_everybody_in_line(speed):
    seen = make_snapshot(LineMeasurement(0, 3000, 3000, speed))

    steps = ahead_by_minutes(seen)

    assert len(steps) <= MOST_MINUTES
    for ahead in range(3000):
        minutes = next((nth for nth, most in enumerate(steps, 1) if ahead <= most), None)
        wait = minutes_of_wait(ahead, speed)
        assert minutes == (wait if wait <= MOST_MINUTES else None)


def test_a_line_without_a_speed_has_no_table():
    assert ahead_by_minutes(make_snapshot(LineMeasurement(0, 3000, 3000, 60.0), is_paused=True)) == []
