"""The database writes who changed what, from what to what; nobody changes it afterwards."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.house.models import HousePage
from concert_site.operations.traced_tables import TRACED
from concert_site.trace.context import acting
from concert_site.trace.models import Change
from concert_site.trace.queries import changes_of, story_of_booking
from concert_site.trace.triggers import PREFIX, install, wanted
from payments.tests.scenes import buy
from reservations.domain import schedules, seats
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan as make_fan_with_money

pytestmark = pytest.mark.django_db


def told(found):
    return [(change.action, change.table_name, change.changes) for change in found]


def test_the_triggers_in_the_database_are_those_of_the_table_and_a_second_time_is_one_query():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
            " WHERE starts_with(tgname, %s) AND NOT tgisinternal AND obj_description(pg_trigger.oid, 'pg_trigger')"
            " IS NOT NULL",
            [PREFIX],
        )
        assert set(cursor.fetchall()) == wanted(TRACED).keys()
    with CaptureQueriesContext(connection) as asked:
        install(connection, TRACED)
    assert len(asked) == 1


def test_what_was_meddled_with_is_mended_by_migrate():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER trace_update ON users")

    call_command("migrate", verbosity=0)
    fan = make_fan(name="Old")
    User.objects.filter(pk=fan.pk).update(name="New")

    assert told(changes_of(User, fan.pk)) == [("CHANGE", "users", {"name": ["Old", "New"]})]


# --- Who ---------------------------------------------------------------------------------------


def test_what_staff_change_says_who_and_by_which_page():
    staff, fan = make_staff(), make_fan(email="old@example.com")

    with acting(staff.pk, via="/admin/x/ */ --' %s"):
        User.objects.filter(pk=fan.pk).update(email="new@example.com")

    (change,) = changes_of(User, fan.pk)
    assert change.changes == {"email": ["old@example.com", "new@example.com"]}
    assert (change.actor, change.via) == (staff, "/admin/x/ */ --' %s")
    assert (change.fan_id, change.objects_changed) == (fan.pk, [fan.pk])


def test_what_nobody_says_is_noted_without_a_name():
    fan = make_fan(email="old@example.com")

    User.objects.filter(pk=fan.pk).update(email="new@example.com")

    assert [(change.actor, change.via) for change in changes_of(User, fan.pk)] == [(None, "")]


def test_nobody_passes_for_another_by_what_they_type():
    staff = make_staff()
    with acting(staff.pk) as context:
        forged = context.comment

    concert = make_sale(seats=1).schedule.concert
    for typed in (forged, f"'; {forged} update concert", f"\n{forged}"):
        Concert.objects.filter(pk=concert.pk).update(description=typed)

    assert {change.actor for change in changes_of(Concert, concert.pk)} == {None}
    assert changes_of(Concert, concert.pk).count() == 4


def test_what_one_request_does_is_one_and_an_inner_actor_counts():
    staff, other, fan = make_staff(), make_staff(), make_fan()
    with acting(staff.pk, via="task"):
        User.objects.filter(pk=fan.pk).update(name="A")
        with acting(other.pk, via="step"):
            User.objects.filter(pk=fan.pk).update(name="B")
        User.objects.filter(pk=fan.pk).update(name="C")
    User.objects.filter(pk=fan.pk).update(name="D")

    found = list(changes_of(User, fan.pk))[::-1]
    assert [change.actor for change in found] == [staff, other, staff, None]
    assert [change.via for change in found] == ["task", "step", "task", ""]
    assert len({change.request for change in found[:3]}) == 1


def test_the_admins_form_is_traced_to_who_sent_it(client):
    staff, fan = make_staff(), make_fan(email="old@example.com", name="Kim")
    client.force_login(staff)
    where = reverse("admin:accounts_user_change", args=[fan.pk])

    client.post(where, {"email": "new@example.com", "name": "Kim", "locale": "", "is_active": "on"})

    (change,) = Change.objects.filter(fan_id=fan.pk, actor=staff)
    assert change.changes == {"email": ["old@example.com", "new@example.com"]}
    page = client.get(reverse("admin:accounts_user_history", args=[fan.pk])).content.decode()
    assert "old@example.com" in page
    assert staff.email in page


# --- What ---------------------------------------------------------------------------------------


def test_roles_that_come_and_go_are_changes_of_the_user():
    staff, clerk = make_staff(), make_clerk()
    group = Group.objects.get(name="finance")

    with acting(staff.pk):
        clerk.groups.add(group)
        clerk.groups.clear()

    found = told(changes_of(User, clerk.pk))
    assert found[:2] == [
        ("CHANGE", "users", {"groups": [group.pk, None]}),
        ("CHANGE", "users", {"groups": [None, group.pk]}),
    ]


def test_a_password_is_noted_and_never_its_hash():
    staff, fan = make_staff(), make_fan()

    with acting(staff.pk):
        User.objects.filter(pk=fan.pk).update(password="pbkdf2_sha256$secret")
    User.objects.filter(pk=fan.pk).update(password="pbkdf2_sha256$other")

    assert told(changes_of(User, fan.pk)) == [("CHANGE", "users", {"password": [None, None]})]
    assert "pbkdf2" not in str(list(Change.objects.values()))


def test_a_date_is_traced_without_seed_and_drawing():
    sale = make_sale(seats=2)
    copy = schedules.copy_schedule(schedule_id=sale.schedule.pk, concert_at=sale.schedule.concert_at).pk
    ConcertSchedule.objects.filter(pk=copy).update(queue_message="Back soon", layout={"a": 1})

    everything = str(list(Change.objects.values_list("changes", flat=True)))
    for schedule in ConcertSchedule.objects.all():
        assert bytes(schedule.draw_seed).hex() not in everything
    assert not {"draw_seed", "layout"} & {key for change in Change.objects.all() for key in change.changes}
    assert told(changes_of(ConcertSchedule, copy))[0] == (
        "CHANGE",
        "concert_schedule",
        {"queue_message": ["", "Back soon"]},
    )


def test_a_thousand_seats_are_a_row_for_each_way_in_which_they_changed():
    sale = make_sale(seats=1_000)
    ids = list(sale.seats)
    price = ConcertSeat.objects.get(pk=ids[0]).seat_price
    ConcertSeat.objects.filter(pk__in=ids[:10]).update(seat_price=70_000)

    with acting(make_staff().pk):
        ConcertSeat.objects.filter(pk__in=ids).update(seat_price=80_000)
    with acting(make_staff().pk):
        seats.take_off_sale(seat_ids=ids[:3])

    off, many, few = list(changes_of(ConcertSchedule, sale.schedule.pk).filter(table_name="concert_seat"))
    assert (many.changes, many.count, many.objects_changed) in [
        ({"seat_price": [price, 80_000]}, 990, ids[10:]),
        ({"seat_price": [70_000, 80_000]}, 10, ids[:10]),
    ]
    assert {many.count, few.count} == {990, 10}
    assert (off.changes, off.objects_changed) == ({"status": ["AVAILABLE", "UNAVAILABLE"]}, ids[:3])
    assert list(changes_of(ConcertSeat, ids[0])) == [off, next(row for row in (many, few) if row.count == 10)]


def test_what_fans_do_is_not_traced():
    sale, fan = make_sale(seats=3), make_fan_with_money(balance=200_000)
    before = Change.objects.count()

    hold(fan, sale, 0, 1)
    buy(fan, sale, 2)

    assert Change.objects.count() == before


def test_what_staff_change_of_a_booking_stands_in_its_story():
    sale, staff = make_sale(seats=2), make_staff()
    hold(make_fan(), sale, 0)
    reservation = Reservation.objects.get()

    with acting(staff.pk):
        Reservation.objects.filter(pk=reservation.pk).update(extended_at="2027-01-01T00:00:00Z")

    (moved,) = story_of_booking({Reservation: [reservation.pk]})
    assert (moved.action, list(moved.changes), moved.actor) == ("CHANGE", ["extended_at"], staff)
    assert moved.fan_id == reservation.user_id


def test_texts_and_deleted_rows_are_kept_whole():
    page = HousePage.objects.create(kind="HELP", language="ko", title="Help", body="a" * 9_000)
    pk = page.pk
    HousePage.objects.filter(pk=pk).update(body="b" * 9_000)
    page.delete()

    gone, changed, made = changes_of(HousePage, pk)
    assert changed.changes == {"body": ["a" * 9_000, "b" * 9_000]}
    assert gone.changes["body"] == ["b" * 9_000, None]
    assert made.action == "ADD"


# --- What stays, and what it costs ---------------------------------------------------------------


@pytest.mark.parametrize("step", ["UPDATE change SET reason = 'x'", "DELETE FROM change"])
def test_the_database_refuses_to_change_the_trace(step):
    Concert.objects.filter(pk=make_sale(seats=1).schedule.concert_id).update(host="Another")

    with pytest.raises(ProgrammingError, match="change"), connection.cursor() as cursor:
        cursor.execute(step)


def test_a_page_of_fans_asks_no_statement_more_and_carries_no_name(client):
    client.force_login(make_staff())
    with CaptureQueriesContext(connection) as asked:
        client.post("/logout/")

    assert not any(query["sql"].startswith("/*") for query in asked)


def test_the_history_of_an_object_is_paged_and_asks_few_queries(client, django_assert_max_num_queries):
    client.force_login(make_staff())
    venue = make_sale(seats=1).schedule.concert
    for nth in range(120):
        Concert.objects.filter(pk=venue.pk).update(host=f"host {nth:03}")
    where = reverse("admin:reservations_concert_history", args=[venue.pk])

    with django_assert_max_num_queries(12):
        first = client.get(where).content.decode()
    last = client.get(f"{where}?p=3").content.decode()

    assert "host 119" in first
    assert "host 005" in last
    assert "host 119" not in last
    assert client.get(f"{where}?p=x").status_code == 200


def test_who_may_not_see_an_object_does_not_see_its_history(client):
    concert = make_sale(seats=1).schedule.concert
    client.force_login(make_clerk("view_user"))

    assert client.get(reverse("admin:reservations_concert_history", args=[concert.pk])).status_code == 403


def test_the_list_of_all_changes_says_values_as_people_read_them(client):
    concert = make_sale(seats=1).schedule.concert
    fan = make_fan()
    Concert.objects.filter(pk=concert.pk).update(status="UNAVAILABLE")
    User.objects.filter(pk=fan.pk).update(is_active=False)
    client.force_login(make_staff())

    page = client.get(reverse("admin:trace_change_changelist")).content.decode()

    assert "status: available → unavailable" in page.lower()
    assert "active: yes → no" in page
