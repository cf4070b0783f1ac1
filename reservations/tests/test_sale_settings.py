"""What staff change while a sale runs, by two of them at once; messages that end; and everything together."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from concert_site.lib.stale import ChangedMeanwhile
from queueing.tests.factories import make_line
from reservations.domain import all_sales, sale_settings, waiting_room
from reservations.domain.sale_settings import SettingChange, change_sale_settings, set_message
from reservations.models import ConcertSchedule
from reservations.queries.sales import facts_of
from reservations.tests.factories import make_concert, make_schedule, make_seats

pytestmark = pytest.mark.django_db


def settings_of(schedule):
    return ConcertSchedule.objects.values(
        "queue_paused", "queue_max_active", "queue_message", "queue_message_until", "paused_together_at"
    ).get(pk=schedule.pk)


# --- As it was seen --------------------------------------------------------------------------------


def test_change_sale_settings_answers_what_changed():
    schedule = make_schedule(queue_max_active=200)

    assert change_sale_settings(schedule_id=schedule.pk, queue_max_active=500) == [
        SettingChange("queue_max_active", before=200, after=500)
    ]
    assert change_sale_settings(schedule_id=schedule.pk, queue_max_active=500) == []


def test_a_sale_setting_changed_meanwhile_is_not_overwritten():
    schedule = make_schedule(queue_max_active=300)
    before = settings_of(schedule)

    with pytest.raises(ChangedMeanwhile) as refusal:
        change_sale_settings(schedule_id=schedule.pk, shown={"queue_max_active": 200}, queue_max_active=500)

    assert refusal.value.fields == ["queue_max_active"]
    assert settings_of(schedule) == before
    # Two who want the same don't quarrel, and who saw it as it is may change it.
    assert change_sale_settings(schedule_id=schedule.pk, shown={"queue_max_active": 200}, queue_max_active=300) == []
    assert change_sale_settings(schedule_id=schedule.pk, shown={"queue_max_active": 300}, queue_max_active=500) != []


# --- Messages that end -----------------------------------------------------------------------------


def test_a_message_ends_by_itself_for_everybody_who_reads_it():
    schedule = make_schedule()
    make_seats(schedule, 1)
    set_message(schedule_id=schedule.pk, message="Ten minutes late.", minutes=10, shown="")
    until = settings_of(schedule)["queue_message_until"]

    assert timedelta(minutes=9) < until - now() < timedelta(minutes=11)
    assert facts_of(schedule.pk).message == "Ten minutes late."
    ConcertSchedule.objects.update(queue_message_until=now() - timedelta(seconds=1))
    assert facts_of(schedule.pk).message == ""
    # Nobody reads it any more, so nothing is in the way of the next.
    set_message(schedule_id=schedule.pk, message="Go on.", minutes=None, shown="")
    assert settings_of(schedule)["queue_message"] == "Go on."
    assert settings_of(schedule)["queue_message_until"] is None


def test_who_joins_reads_no_message_that_has_ended():
    schedule = make_schedule(queue_message="Over", queue_message_until=now() - timedelta(seconds=1))
    make_seats(schedule, 1)
    make_line(schedule, 1)

    assert waiting_room.snapshot_of(schedule.pk).facts.message == ""


def test_a_message_that_another_has_written_meanwhile_stays():
    schedule = make_schedule(queue_message="From a colleague")

    with pytest.raises(ChangedMeanwhile):
        set_message(schedule_id=schedule.pk, message="Mine", minutes=5, shown="")

    assert settings_of(schedule)["queue_message"] == "From a colleague"


def test_taking_a_message_away_takes_its_end_along():
    schedule = make_schedule()
    set_message(schedule_id=schedule.pk, message="Soon", minutes=10, shown="")

    change_sale_settings(schedule_id=schedule.pk, queue_message="")

    assert (settings_of(schedule)["queue_message"], settings_of(schedule)["queue_message_until"]) == ("", None)


# --- Everything together ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_everything_is_paused_and_only_that_is_resumed():
    running, gathering = make_schedule(), make_schedule(reservation_available_at=now() + timedelta(minutes=10))
    alone = make_schedule(queue_paused=True)
    # Neither is running: it opens next week, is over, or isn't published.
    others = [
        make_schedule(reservation_available_at=now() + timedelta(days=7)),
        make_schedule(reservation_available_at=now() - timedelta(days=2), deadline_at=now() - timedelta(days=1)),
        make_schedule(make_concert(status="UNAVAILABLE")),
    ]

    assert list(all_sales.pausable()) == [running, gathering]
    made = all_sales.pause_all()

    assert (made.done, made.missed) == ([running.pk, gathering.pk], [])
    assert [settings_of(each)["queue_paused"] for each in (running, gathering, alone)] == [True] * 3
    assert [settings_of(each)["queue_paused"] for each in others] == [False] * 3
    assert all_sales.pause_all().done == []
    # One of them is resumed, and paused again, by its own control: it is no longer one of them all.
    sale_settings.change_sale_settings(schedule_id=gathering.pk, queue_paused=False)
    sale_settings.change_sale_settings(schedule_id=gathering.pk, queue_paused=True)

    assert all_sales.resume_all().done == [running.pk]
    assert [settings_of(each)["queue_paused"] for each in (running, gathering, alone)] == [False, True, True]
    assert all_sales.resume_all().done == []


@pytest.mark.django_db(transaction=True)
def test_nobody_is_let_in_once_everything_is_paused():
    schedule = make_schedule(queue_max_active=10, drawn_at=now())
    make_seats(schedule, 10)
    make_line(schedule, 3)
    all_sales.pause_all()

    assert waiting_room.tick(schedule.pk) == 0
    all_sales.resume_all()
    assert waiting_room.tick(schedule.pk) == 3
