"""The draw of a date in the admin: what staff publish beforehand, what they see afterwards, and what nobody sees."""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.urls import reverse
from django.utils.timezone import localtime, now

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.formats import day_and_time
from queueing.domain.draw import draw
from queueing.models import WaitingToken
from queueing.verification import entry_of, rank_of
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def schedule():
    schedule = make_schedule(reservation_available_at=now() + 5 * MINUTE)
    make_seats(schedule)
    return schedule


def change_page(schedule):
    return reverse("admin:reservations_concertschedule_change", args=[schedule.pk])


def page_of(client, schedule):
    clear_caches()
    return " ".join(client.get(change_page(schedule)).content.decode().split())


def seed_of(schedule):
    return bytes(ConcertSchedule.objects.get(pk=schedule.pk).draw_seed)


def gather(schedule, count, **columns):
    return [WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule, **columns) for _ in range(count)]


def open_sale(schedule):
    ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=now())


def moved_to(opening, schedule):
    """What the form of a date sends to move its opening."""
    moments = {
        "reservation_available_at": opening,
        "deadline_at": schedule.deadline_at,
        "concert_at": schedule.concert_at,
    }
    sent = {name: localtime(moment) for name, moment in moments.items()}
    days = {f"{name}_0": f"{moment:%Y-%m-%d}" for name, moment in sent.items()}
    return days | {f"{name}_1": f"{moment:%H:%M:%S}" for name, moment in sent.items()}


def test_before_the_draw_staff_see_the_hash_to_publish_and_how_many_gather(staff, schedule):
    gather(schedule, 2)

    page = page_of(staff, schedule)

    assert sha256(seed_of(schedule)).hexdigest() in page
    assert seed_of(schedule).hex() not in page
    for words in ("Waiting room open", "2 fans are waiting now.", "Publish this hash"):
        assert words in page


def test_days_before_the_hash_is_there_to_be_published(staff):
    schedule = make_schedule(reservation_available_at=now() + timedelta(days=3))

    page = page_of(staff, schedule)

    assert sha256(seed_of(schedule)).hexdigest() in page
    assert "waiting now" not in page


def test_while_numbers_are_drawn_the_page_says_so(staff, schedule):
    gather(schedule, 1)
    open_sale(schedule)

    page = page_of(staff, schedule)

    assert "Numbers are being drawn." in page
    assert "1 fan is waiting for one." in page


def test_after_the_draw_staff_see_what_anybody_can_check(staff, schedule):
    tokens = [token.token for token in gather(schedule, 3)]
    open_sale(schedule)
    gather(schedule, 1)

    draw(schedule.pk)

    page = page_of(staff, schedule)
    seed = seed_of(schedule).hex()
    in_order = sorted((entry_of(token) for token in tokens), key=lambda entry: rank_of(entry, seed=seed))
    lines = "".join(f"{number},{entry}\n" for number, entry in enumerate(in_order, 1))
    assert "3 numbers were drawn" in page
    assert seed in page
    assert sha256(lines.encode()).hexdigest() in page
    assert reverse("api:draw", args=[schedule.pk]) in page


def test_where_nobody_gathered_the_line_is_first_come_first_served(staff):
    schedule = make_schedule(drawn_at=now())

    page = page_of(staff, schedule)

    assert "Nobody waited when the sale opened" in page
    assert "Hash of" not in page


def test_without_a_lobby_there_is_nothing_to_say_of_a_draw(staff, schedule, settings):
    settings.LOBBY_SECONDS = 0

    for each in (schedule, make_schedule(drawn_at=now())):
        assert "The draw" not in page_of(staff, each)


def test_an_opening_that_numbers_were_drawn_for_is_shown_and_no_field(staff):
    schedule = make_schedule(drawn_at=now())

    page = page_of(staff, schedule)

    assert " ".join(day_and_time(schedule.reservation_available_at).split()) in page
    assert 'name="reservation_available_at_0"' not in page


def test_who_moves_an_opening_hears_how_many_stand_in_the_lobby(staff, schedule):
    gather(schedule, 2)
    assert "2 fans stand in the waiting room. If you move the opening" in page_of(staff, schedule)
    later = now().replace(microsecond=0) + 90 * MINUTE

    response = staff.post(change_page(schedule), moved_to(later, schedule), follow=True)

    schedule.refresh_from_db()
    assert schedule.reservation_available_at == later
    assert "2 fans stand in the waiting room; numbers are drawn when the sale opens" in response.content.decode()
    assert WaitingToken.objects.filter(status="WAITING", number=None).count() == 2


def test_an_opening_that_would_be_over_is_refused_at_its_field(staff, schedule):
    gather(schedule, 1)

    response = staff.post(change_page(schedule), moved_to(now() - MINUTE, schedule))

    assert "reservation_available_at" in response.context["adminform"].form.errors
    assert "Choose an opening in the future." in response.content.decode()


def test_who_moves_an_opening_that_nobody_waits_for_hears_nothing(staff, schedule):
    response = staff.post(change_page(schedule), moved_to(now() + 9 * MINUTE, schedule), follow=True)

    assert "stand" not in response.content.decode().partition("<main")[2]
