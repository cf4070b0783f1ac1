"""The admin's frame: its sidebar, its first page, and the log."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import models
from django.urls import resolve, reverse
from django.utils.timezone import now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.tests.admin_addresses import names
from concert_site.tests.admin_lists import may_narrow
from payments.tests.scenes import buy
from queueing.models import WaitingToken
from reservations.models import ConcertSchedule
from reservations.queries.onsales import onsales
from reservations.tests.factories import make_concert, make_schedule, make_seats
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan as make_fan_with_money

INDEX = "/admin/"
USERS = "/admin/accounts/user/"

pytestmark = pytest.mark.django_db


def entries_of(response):
    """The sidebar, a list of titles a group."""
    groups = response.context["sidebar_navigation"]
    return {str(group.get("title", "")): [str(item["title"]) for item in group["items"]] for group in groups}


# --- Every list --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_a_list_is_not_searched_by_lookups_that_no_filter_has(client, model):
    staff = make_staff()
    client.force_login(staff)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    lookups = {models.DateField: ("year", "date__year"), models.CharField: ("regex", "startswith")}
    asked = {
        f"{field.name}__{lookup}": "(" if lookup == "regex" else "99999999"
        for field in model._meta.fields
        for kind in lookups
        if isinstance(field, kind)
        for lookup in lookups[kind]
    }

    # What refuses is asked about each, and the page itself about one.
    assert [name for name, value in asked.items() if may_narrow(staff, model, name, value)] == []
    assert [client.get(address, {name: asked[name]}).status_code for name in list(asked)[-1:]] == [400] * bool(asked)


# --- The frame ---------------------------------------------------------------------------------


def test_a_superuser_sees_everything(client):
    client.force_login(make_staff())

    assert entries_of(client.get(INDEX)) == {
        "": ["Box office", "Sales of the day", "Needs attention", "Till", "Approvals"],
        "Shows": ["Concerts", "Venues", "Halls", "Schedules", "Seats", "Reservations", "Waiting tokens"],
        "Money": [
            *("Payments", "Wallets", "Ledger", "Top-ups", "Withdrawals"),
            *("Providers’ messages", "Settlements"),
        ],
        "People": ["Users", "Roles", "Ceilings"],
        "House": ["Pages", "Company"],
        "System": ["Periodic tasks", "Changes", "Log"],
    }


def test_every_entry_of_the_sidebar_leads_to_a_page(client):
    """test_role_addresses opens each of them."""
    client.force_login(make_staff())
    groups = client.get(INDEX).context["sidebar_navigation"]

    found = {resolve(item["link"]).view_name.removeprefix("admin:") for group in groups for item in group["items"]}

    assert len(found) == 27
    assert found <= set(names())


def test_others_see_what_they_may_open(client):
    client.force_login(make_clerk("view_payment", "change_user"))

    assert entries_of(client.get(INDEX)) == {"": ["Box office"], "Money": ["Payments"], "People": ["Users"]}


@pytest.mark.parametrize(("is_production", "is_there"), [(False, True), (True, False)])
def test_money_that_is_not_real_is_marked(client, settings, is_production, is_there):
    settings.IS_PRODUCTION = is_production
    client.force_login(make_staff())

    assert bool(client.get(INDEX).context["environment"]) == is_there


def test_the_admin_speaks_the_accounts_language_and_comes_back_after_a_switch(client):
    client.force_login(make_staff(locale="ko"))
    page = client.get(USERS)

    assert page["Content-Language"] == "ko"
    response = client.post("/accounts/language/", {"language": "en", "next": page.context["redirect_to"]})

    assert response.url == USERS
    assert client.get(INDEX)["Content-Language"] == "en"


# --- The first page ----------------------------------------------------------------------------


def test_the_first_page_shows_open_sales_and_the_next_with_their_numbers(client):
    sale = make_sale(seats=5)
    buy(make_fan_with_money(balance=50_000), sale, 0)
    hold(make_fan(), sale, 1)
    ConcertSchedule.objects.filter(pk=sale.pk).update(queue_paused=True)
    WaitingToken.objects.create(
        user=make_fan(), concert_schedule_id=sale.pk, status="WAITING", number=9_999, created_at=now()
    )
    soon = make_schedule(reservation_available_at=now() + timedelta(hours=1))
    make_seats(soon, 3)
    # Neither is for sale: one is over, one is not published.
    make_schedule(reservation_available_at=now() - timedelta(days=2), deadline_at=now() - timedelta(days=1))
    make_schedule(make_concert(status="UNAVAILABLE"))
    client.force_login(make_staff())

    response = client.get(INDEX)

    first, second = response.context["onsales"]
    assert (first.schedule_id, first.is_open, first.is_paused) == (sale.pk, True, True)
    assert (first.sold, first.held, first.free, first.waiting, first.inside) == (1, 1, 3, 1, 1)
    assert (second.schedule_id, second.is_open, second.free) == (soon.pk, False, 3)
    assert b"Waiting room paused" in response.content


def test_the_first_page_says_who_gathers_for_an_opening_and_that_numbers_are_being_drawn(client):
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=30))
    for _ in range(2):
        WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule)
    client.force_login(make_staff())

    def seen():
        response = client.get(INDEX)
        (sale,) = response.context["onsales"]
        return sale, response.content.decode()

    gathering, page = seen()
    assert (gathering.has_lobby_open, gathering.is_drawing) == (True, False)
    assert (gathering.waiting, gathering.gathered) == (2, 2)
    assert "Waiting room open" in page
    assert "Gathered" in page
    ConcertSchedule.objects.update(reservation_available_at=now())
    drawing, page = seen()
    assert (drawing.has_lobby_open, drawing.is_drawing) == (False, True)
    assert "Numbers are being drawn." in page
    WaitingToken.objects.filter(pk=WaitingToken.objects.first().pk).update(number=1)
    WaitingToken.objects.filter(number=None).update(number=2)
    ConcertSchedule.objects.update(drawn_at=now())
    drawn, page = seen()
    assert (drawn.is_drawing, drawn.waiting, drawn.gathered) == (False, 2, 0)
    assert "Gathered" not in page


def test_without_a_lobby_no_sale_says_that_it_has_one(client, settings):
    settings.LOBBY_SECONDS = 0
    make_schedule(reservation_available_at=now() + timedelta(seconds=30))

    assert [sale.has_lobby_open for sale in onsales()] == [False]


def test_the_first_page_costs_the_same_for_one_sale_and_for_three(client, django_assert_num_queries):
    client.force_login(make_staff())
    for _ in range(2):
        make_seats(make_schedule(), 2)
        # The session, the actor, the sales, and what they did last.
        # The last three: what money is stuck.
        with django_assert_num_queries(11):
            assert client.get(INDEX).status_code == 200
        make_seats(make_schedule(), 2)


def test_the_first_page_has_what_is_played_today_and_no_index_of_tables(client):
    tonight = make_schedule(concert_at=now() + timedelta(minutes=1))
    make_schedule(concert_at=now() + timedelta(days=3))
    client.force_login(make_staff())

    page = client.get(INDEX)

    assert page.context["played_today"] == [tonight]
    text = page.content.decode().partition('<div class="start">')[2]
    assert "Played today" in text
    assert "/admin/django_celery_beat/" not in text


def test_each_role_is_offered_its_own_tasks(client):
    def offered(*codenames):
        client.force_login(make_clerk(*codenames))
        return [task.url_name for task in client.get(INDEX).context["tasks"]]

    assert offered("refund_payment") == ["payments_payment_changelist"]
    assert offered("run_sale", "add_concert") == ["sales", "reservations_concert_add"]
    assert offered() == []


def test_what_beat_runs_is_folded_and_for_superusers_alone(client):
    client.force_login(make_clerk("view_periodictask"))
    assert "System" not in entries_of(client.get(INDEX))
    client.force_login(make_staff())

    (system,) = [each for each in client.get(INDEX).context["sidebar_navigation"] if each.get("title") == "System"]

    assert system["collapsible"]


def test_on_a_dates_page_pausing_outweighs_deleting(client):
    schedule = make_schedule()
    make_seats(schedule, 1)
    client.force_login(make_staff())

    page = client.get(reverse("admin:reservations_concertschedule_change", args=[schedule.pk])).content.decode()

    assert page.index("Watch and run the sale") < page.index("Pause") < page.index("Close the sale now")
    assert page.index("Close the sale now") < page.index("Delete schedule")
    assert 'class="delete-link' in page


def test_a_long_list_is_cut():
    for _ in range(3):
        make_schedule()

    assert len(onsales(most=2)) == 2


def test_who_may_not_see_schedules_sees_no_sales(client):
    make_schedule()
    client.force_login(make_clerk("view_payment"))

    assert "onsales" not in client.get(INDEX).context


# --- Periodic tasks and the log ----------------------------------------------------------------


@pytest.mark.parametrize("model", ["periodictask", "intervalschedule", "crontabschedule", "clockedschedule"])
def test_what_beat_does_is_shown_in_the_same_frame(client, model):
    client.force_login(make_staff())
    name = f"admin:django_celery_beat_{model}"

    for address in (reverse(f"{name}_changelist"), reverse(f"{name}_add")):
        response = client.get(address)
        assert (address, response.status_code) == (address, 200)
        assert "sidebar_navigation" in response.context


def test_a_periodic_task_is_switched_off_in_a_form(client):

    every = IntervalSchedule.objects.create(every=7, period="seconds")
    task = PeriodicTask.objects.create(name="Ours", task="reservations.tick_release", interval=every)
    client.force_login(make_staff())
    where = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    form = {"name": "Ours", "task": task.task, "interval": every.pk, "args": "[]", "kwargs": "{}", "headers": "{}"}

    assert "reservations.tick_admission" in client.get(where).content.decode()
    assert client.post(where, form).status_code == 302

    assert not PeriodicTask.objects.get(pk=task.pk).enabled


def test_the_log_is_for_superusers_and_for_reading(client):
    boss, clerk = make_staff(), make_clerk("view_logentry", "change_logentry", "delete_logentry")
    LogEntry.objects.log_actions(boss.pk, [clerk], 2, "Deactivated.", single_object=True)
    entry = LogEntry.objects.get()
    where = reverse("admin:admin_logentry_change", args=[entry.pk])
    client.force_login(clerk)
    assert client.get("/admin/admin/logentry/").status_code == 403

    client.force_login(boss)
    assert b"Deactivated." in client.get("/admin/admin/logentry/").content
    assert client.get(where).status_code == 200
    assert client.post(where, {"change_message": "Nothing"}).status_code == 403
    assert client.post(reverse("admin:admin_logentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403


def test_the_log_costs_the_same_for_one_and_for_three(client, django_assert_num_queries):
    boss = make_staff()
    client.force_login(boss)
    for _ in range(2):
        LogEntry.objects.log_actions(boss.pk, [make_fan()], 2, "Changed.", single_object=True)
        with django_assert_num_queries(4):
            client.get("/admin/admin/logentry/")
        LogEntry.objects.log_actions(boss.pk, [make_fan()], 2, "Changed.", single_object=True)
