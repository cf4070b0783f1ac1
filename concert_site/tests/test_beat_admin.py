"""beat's rows in the admin, attacked as a clerk with every permission on them, and changed by a superuser."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.lib.redis import client as redis_client
from concert_site.operations import periodic_tasks

pytestmark = pytest.mark.django_db

TICK = "reservations.tick_admission"
LIST = "/admin/django_celery_beat/periodictask/"
MODELS = ("periodictask", "intervalschedule", "crontabschedule", "solarschedule", "clockedschedule", "periodictasks")
ALL = [f"{action}_{model}" for action in ("view", "add", "change", "delete") for model in MODELS]
ACTIONS = ("enable_tasks", "disable_tasks", "toggle_tasks", "delete_selected")


@pytest.fixture(autouse=True)
def house():
    periodic_tasks.restore()


@pytest.fixture
def clerk(client):
    client.force_login(make_clerk(*ALL))
    return client


@pytest.fixture
def superuser(client):
    client.force_login(make_staff())
    return client


def act(client, action, *rows, **more):
    return client.post(LIST, {"action": action, "_selected_action": [row.pk for row in rows], **more}, follow=True)


def tick():
    return PeriodicTask.objects.select_related("interval", "crontab").get(name=TICK)


def form_of(row, **changes):
    values = {"name": row.name, "task": row.task, "args": row.args, "kwargs": row.kwargs, "queue": row.queue or ""}
    values |= {"interval": row.interval_id or "", "crontab": row.crontab_id or ""}
    return values | ({"enabled": "on"} if row.enabled else {}) | changes


def make_row(**fields):
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    return PeriodicTask.objects.create(**{"name": "ours", "task": "concert_site.audit", "interval": interval} | fields)


@pytest.mark.parametrize("action", ["disable_tasks", "toggle_tasks", "delete_selected"])
def test_a_clerk_spoils_no_task_of_the_house_by_an_action(clerk, action):
    act(clerk, action, *PeriodicTask.objects.filter(name__in=periodic_tasks.PERIODIC_TASKS), post="yes", confirmed="1")

    assert periodic_tasks.deviations() == []


def test_a_clerk_changes_no_task_of_the_house_on_its_page(clerk):
    row, hourly = tick(), IntervalSchedule.objects.create(every=1, period="hours")
    address = reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])
    assert clerk.get(address).status_code == 200

    answers = [
        clerk.post(address, form_of(row, interval=hourly.pk, confirmed="1")),
        clerk.post(address, {name: value for name, value in form_of(row).items() if name != "enabled"}),
        clerk.post(reverse("admin:django_celery_beat_periodictask_delete", args=[row.pk]), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert periodic_tasks.deviations() == []


@pytest.mark.parametrize("who", ["clerk", "superuser"])
def test_a_schedule_that_the_house_runs_by_is_changed_and_deleted_by_nobody(who, request):
    client = request.getfixturevalue(who)
    for model, row, values in (
        ("intervalschedule", tick().interval, {"every": 3600, "period": "hours"}),
        ("crontabschedule", CrontabSchedule.objects.first(), {"minute": "1", "hour": "1", "timezone": "UTC"}),
    ):
        name = f"admin:django_celery_beat_{model}"
        client.post(reverse(f"{name}_change", args=[row.pk]), values)
        client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"})
        many = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(reverse(f"{name}_changelist"), many)

    assert periodic_tasks.deviations() == []
    assert PeriodicTask.objects.filter(name__in=periodic_tasks.PERIODIC_TASKS).count() == len(
        periodic_tasks.PERIODIC_TASKS
    )


def test_who_may_only_look_acts_on_nothing(client):
    client.force_login(make_clerk("view_periodictask"))
    row = make_row()

    for action in (*ACTIONS, "run_tasks"):
        act(client, action, row, post="yes")

    assert PeriodicTask.objects.get(pk=row.pk).enabled
    assert redis_client().llen("celery") == 0


def test_a_superuser_is_asked_and_what_is_confirmed_is_logged_and_stays(superuser):
    page = act(superuser, "disable_tasks", tick())
    assert b"Fans notice within seconds." in page.content
    assert tick().enabled

    act(superuser, "disable_tasks", tick(), confirmed="1")

    assert not tick().enabled
    assert LogEntry.objects.get().object_repr.startswith(TICK)
    assert periodic_tasks.restore() == []
    act(superuser, "enable_tasks", tick())
    assert periodic_tasks.deviations() == []
    assert LogEntry.objects.count() == 2


def test_a_superuser_changes_an_interval_within_bounds_after_being_asked(superuser):
    row = tick()
    address = reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])
    three, hourly = (IntervalSchedule.objects.create(every=3, period=each) for each in ("seconds", "hours"))

    assert superuser.post(address, form_of(row, interval=hourly.pk, confirmed="1")).status_code == 200
    assert tick().interval.every == 1
    assert b"Fans notice within seconds." in superuser.post(address, form_of(row, interval=three.pk)).content
    assert tick().interval.every == 1
    assert superuser.post(address, form_of(row, interval=three.pk, confirmed="1")).status_code == 302

    assert tick().interval.every == 3
    assert [(each.task, each.is_confirmed) for each in periodic_tasks.deviations()] == [(TICK, True)]
    assert LogEntry.objects.count() == 1


def test_not_even_a_superuser_deletes_a_task_of_the_house(superuser):
    superuser.post(reverse("admin:django_celery_beat_periodictask_delete", args=[tick().pk]), {"post": "yes"})
    act(superuser, "delete_selected", tick(), post="yes", confirmed="1")

    assert periodic_tasks.deviations() == []


def test_what_staff_switch_of_their_own_is_logged(clerk):
    row = make_row()

    act(clerk, "disable_tasks", row)

    assert not PeriodicTask.objects.get(pk=row.pk).enabled
    assert LogEntry.objects.get().object_id == str(row.pk)


def test_what_staff_run_by_hand_is_logged(clerk):
    act(clerk, "run_tasks", make_row())

    assert redis_client().llen("celery") == 1
    assert LogEntry.objects.count() == 1


NONSENSE = [
    {"task": "no.such.task"},
    {"queue": "ticks"},
    {"queue": "lines"},
    {"args": "{}"},
    {"kwargs": "[]"},
    {"kwargs": '{"who": 1}'},
]


def test_nonsense_of_staffs_own_is_refused(clerk):
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    values = {"name": "new", "task": "concert_site.audit", "args": "[]", "kwargs": "{}", "interval": interval.pk}
    address = reverse("admin:django_celery_beat_periodictask_add")

    assert [clerk.post(address, values | nonsense).status_code for nonsense in NONSENSE] == [200] * len(NONSENSE)
    assert not PeriodicTask.objects.filter(name="new").exists()
    assert clerk.post(address, values).status_code == 302
    assert PeriodicTask.objects.filter(name="new").exists()


def test_an_interval_of_microseconds_is_refused(clerk):
    address = reverse("admin:django_celery_beat_intervalschedule_add")

    assert clerk.post(address, {"every": 1, "period": "microseconds"}).status_code == 200
    assert not IntervalSchedule.objects.filter(period="microseconds").exists()


def test_a_tasks_page_has_no_script_that_the_policy_refuses(superuser):
    page = superuser.get(f"{LIST}{tick().pk}/change/").content.decode()
    opened = re.findall(r"<script\b[^>]*>", page)
    assert opened
    assert [tag for tag in opened if " src=" not in tag and "application/json" not in tag] == []
