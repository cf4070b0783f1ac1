"""The page on which a browser works the draw out again; the counting itself is in the browser's tests."""

import pytest
from django.utils.timezone import now

from concert_site.accounts.models import User
from reservations.tests.factories import make_fan
from reservations.tests.test_pages_lobby import browser_of, draw_numbers, gather, schedule, text_of

__all__ = ["schedule"]

pytestmark = pytest.mark.django_db


def check(schedule, token, fan=None):
    browser = browser_of(fan or User.objects.get(pk=token.user_id))
    return browser.get(f"/schedules/{schedule.pk}/queue/draw/?token={token.token}")


def drawn(schedule):
    token = gather(schedule, 3)
    draw_numbers(schedule)
    token.refresh_from_db()
    return token


def test_who_was_drawn_can_check_their_number_whatever_became_of_it(schedule):
    token = drawn(schedule)

    left = {"status": "EXPIRED", "expired_reason": "LEFT", "expired_at": now()}
    for state in ({"status": "WAITING"}, left):
        type(token).objects.filter(pk=token.pk).update(**state)
        page = text_of(check(schedule, token))
        assert f'data-token="{token.token}" data-number="{token.number}"' in page
        assert f'data-list="/api/v1/schedules/{schedule.pk}/draw/"' in page
        assert "curl -s" in page
        assert "<noscript>" in page


def test_before_the_draw_and_for_another_fan_there_is_nothing_to_check(schedule):
    early = text_of(check(schedule, gather(schedule)))
    token = drawn(schedule)

    assert "no number here that was drawn by lot" in early
    assert "data-number" not in text_of(check(schedule, token, make_fan()))


def test_the_lobby_says_the_fingerprint_for_the_device_to_remember(schedule):
    token = gather(schedule)

    page = text_of(browser_of(User.objects.get(pk=token.user_id)).get(f"/schedules/{schedule.pk}/queue/"))

    assert f'data-schedule="{schedule.pk}" data-seed-hash="' in page
