"""Concerts in the admin."""

import io

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from concert_site.accounts.tests.factories import make_clerk, make_fan
from concert_site.tests.forms import post_confirmed
from concert_site.tests.unchanged import nothing_changed
from reservations.models import Concert
from reservations.tests.counting import cold_queries_of
from reservations.tests.factories import make_concert, make_schedule, make_seats, reserve

LIST = "/admin/reservations/concert/"
ADD = LIST + "add/"

pytestmark = pytest.mark.django_db


def page_of(concert):
    return reverse("admin:reservations_concert_change", args=[concert.pk])


def filled(**changes):
    return {"name": "New", "host": "Hall", "description": "An evening.", "status": "UNAVAILABLE"} | changes


def png():
    file = io.BytesIO()
    Image.new("RGB", (300, 400), "red").save(file, "PNG")
    return SimpleUploadedFile("anything.txt", file.getvalue())


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "seen", "changed"),
    [
        (make_fan, 302, 302),
        (make_clerk, 403, 403),
        (lambda: make_clerk("view_concert"), 200, 403),
        (lambda: make_clerk("change_concert"), 200, 302),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who changes"],
)
def test_who_sees_and_changes_a_concert(client, actor, seen, changed):
    client.force_login(actor())
    concert = make_concert(name="Old")

    assert client.get(LIST).status_code == seen
    assert client.get(page_of(concert)).status_code == seen
    assert client.post(page_of(concert), filled()).status_code == changed

    concert.refresh_from_db()
    assert concert.name == ("New" if seen == 200 and changed == 302 else "Old")


def test_who_may_change_may_not_add_or_delete(client):
    client.force_login(make_clerk("change_concert"))
    concert = make_concert()

    assert client.post(ADD, filled()).status_code == 403
    assert client.post(f"{LIST}{concert.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Concert.objects.count() == 1


def test_who_may_only_look_is_offered_no_action(client):
    client.force_login(make_clerk("view_concert"))
    concert = make_concert(status="UNAVAILABLE")

    client.post(LIST, {"action": "publish", "_selected_action": concert.pk})

    concert.refresh_from_db()
    assert concert.status == "UNAVAILABLE"


# --- Adding and changing -----------------------------------------------------------------------


def test_a_new_concert_begins_unpublished(staff):
    assert staff.get(ADD).context["adminform"].form.initial["status"] == "UNAVAILABLE"

    staff.post(ADD, filled())

    concert = Concert.objects.get()
    assert (concert.name, concert.host, concert.status) == ("New", "Hall", "UNAVAILABLE")
    assert LogEntry.objects.get().is_addition()


def test_a_change_is_logged_with_what_changed(staff):
    concert = make_concert(name="Old")

    staff.post(page_of(concert), filled())

    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.is_change()) == ("New", True)
    assert entry.get_change_message() == "Changed Name, Host, Description and Status."


@pytest.mark.parametrize("name", ["   ", "x" * 201])
def test_a_name_that_cannot_be_is_shown_beside_its_field(staff, name):
    concert = make_concert(name="Old")

    with nothing_changed():
        response = staff.post(page_of(concert), filled(name=name))

    assert response.status_code == 200
    assert response.context["adminform"].form.errors["name"]


def test_what_is_no_field_of_the_form_is_not_written(staff):
    concert = make_concert()

    staff.post(page_of(concert), filled(id="99", pk="99", poster_small="x", schedules="1"))

    assert Concert.objects.get().pk == concert.pk


def test_a_concert_that_is_gone_is_said_to_be_gone(staff):
    response = staff.post(f"{LIST}999999/change/", filled(), follow=True)

    assert "This concert no longer exists." in response.content.decode()


def test_publishing_and_unpublishing_say_how_many_and_are_logged(staff):
    hidden, public = make_concert(status="UNAVAILABLE"), make_concert()
    both = [hidden.pk, public.pk]

    published = post_confirmed(staff, LIST, {"action": "publish", "_selected_action": both})
    unpublished = post_confirmed(staff, LIST, {"action": "unpublish", "_selected_action": both})

    assert "1 concert published." in published.content.decode()
    assert "2 concerts unpublished" in unpublished.content.decode()
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Published.",
        "Unpublished.",
        "Unpublished.",
    ]


# --- The way to a sale -------------------------------------------------------------------------


def publish(client, concert, **sent):
    return client.post(f"{LIST}{concert.pk}/publish/", sent, follow=True)


def test_each_page_on_the_way_to_a_sale_says_the_next_step(staff):
    page = staff.post(ADD, filled(), follow=True).content.decode()
    concert = Concert.objects.get()
    assert "This concert has no dates yet." in page
    assert f"/admin/reservations/concertschedule/add/?concert={concert.pk}" in page

    schedule = make_schedule(concert)
    page = staff.get(page_of(concert)).content.decode()
    assert "A date has no seats yet" in page
    assert f"/admin/reservations/concertschedule/{schedule.pk}/change/" in page
    assert "Publish the concert" not in page

    make_seats(schedule, 2)
    page = staff.get(page_of(concert)).content.decode()
    assert "Everything is ready. Publish the concert" in page

    page = publish(staff, concert).content.decode()
    concert.refresh_from_db()
    assert concert.status == "AVAILABLE"
    assert f"/concerts/{concert.pk}/" in page
    assert LogEntry.objects.latest("pk").change_message == "Published."


def test_publishing_comes_back_to_the_date_that_it_was_asked_from(staff):
    schedule, other = make_schedule(make_concert(status="UNAVAILABLE")), make_schedule()

    for date, page in [
        (schedule.pk, "concertschedule"),
        (other.pk, "concert"),
        ("9" * 30, "concert"),
        ("x", "concert"),
    ]:
        response = publish(staff, schedule.concert, date=date)
        assert f"/{page}/" in response.redirect_chain[-1][0]

    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("actor", "status"),
    [(make_fan, 302), (make_clerk, 403), (lambda: make_clerk("view_concert"), 403)],
    ids=["fan", "clerk without", "clerk who looks"],
)
def test_who_may_not_change_a_concert_may_not_publish_it(client, actor, status):
    concert = make_concert(status="UNAVAILABLE")
    client.force_login(actor())

    with nothing_changed():
        response = client.post(f"{LIST}{concert.pk}/publish/")

    assert response.status_code == status


def test_only_a_form_publishes(staff):
    concert = make_concert(status="UNAVAILABLE")

    assert staff.get(f"{LIST}{concert.pk}/publish/").status_code == 405
    assert staff.post(f"{LIST}{concert.pk + 1}/publish/").status_code == 404
    concert.refresh_from_db()
    assert concert.status == "UNAVAILABLE"


def test_a_concert_of_three_dates_takes_as_many_queries_as_one(staff):
    concert = make_concert()
    make_seats(make_schedule(concert), 2)
    one = cold_queries_of(staff, page_of(concert))
    for _ in range(2):
        make_seats(make_schedule(concert), 2)

    assert cold_queries_of(staff, page_of(concert)) == one


# --- Posters -----------------------------------------------------------------------------------


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_a_poster_is_stored_and_taken_down_again(staff, media):
    concert = make_concert()

    staff.post(page_of(concert), filled(poster=png()))
    concert.refresh_from_db()
    assert concert.poster.name.endswith(".webp")

    staff.post(page_of(concert), filled() | {"poster-clear": "on"})
    concert.refresh_from_db()
    assert not concert.poster


def test_a_poster_that_is_none_is_refused_beside_its_field(staff, media):
    concert = make_concert(name="Old")

    with nothing_changed():
        response = staff.post(
            page_of(concert), filled(poster=SimpleUploadedFile("x.png", b"<svg onload='alert(1)'/>", "image/png"))
        )

    assert response.context["adminform"].form.errors["poster"]


# --- Deleting ----------------------------------------------------------------------------------


def test_a_concert_with_dates_stays_and_says_why(staff):
    concert = make_schedule().concert
    url = f"{LIST}{concert.pk}/delete/"

    assert "1 date" in staff.get(url).content.decode()
    with nothing_changed():
        response = staff.post(url, {"post": "yes"}, follow=True)

    assert "This concert has dates. Unpublish it instead." in response.content.decode()
    assert not LogEntry.objects.exists()


def test_a_concert_without_dates_is_deleted_and_logged(staff):
    concert = make_concert(name="Mistake")

    staff.post(f"{LIST}{concert.pk}/delete/", {"post": "yes"})

    assert not Concert.objects.exists()
    entry = LogEntry.objects.get()
    assert (entry.is_deletion(), entry.object_repr, entry.object_id) == (True, "Mistake", str(concert.pk))


def test_djangos_own_deletion_of_many_is_gone(staff):
    concert = make_concert()

    staff.post(LIST, {"action": "delete_selected", "_selected_action": concert.pk, "post": "yes"})

    assert Concert.objects.exists()


# --- The list ----------------------------------------------------------------------------------


def test_the_list_says_how_each_concert_stands(staff):
    schedule = make_schedule(make_concert(name="Standing"))
    seats = make_seats(schedule, 3)
    reserve(seats[0])
    make_concert(name="Bare")

    page = staff.get(LIST).content.decode()

    assert "1 sold, 0 held, 2 left" in page


def test_search_and_filter(staff):
    make_concert(name="Mahler", host="Orchestra")
    make_concert(name="Jazz", status="UNAVAILABLE")

    assert [row.name for row in staff.get(LIST, {"q": "orches"}).context["cl"].result_list] == ["Mahler"]
    found = staff.get(LIST, {"status__exact": "UNAVAILABLE"}).context["cl"].result_list
    assert [row.name for row in found] == ["Jazz"]


def test_three_concerts_take_as_many_queries_as_one(staff):
    reserve(make_seats(make_schedule(), 2)[0])
    one = cold_queries_of(staff, LIST)
    for _ in range(2):
        reserve(make_seats(make_schedule(), 2)[0])

    assert cold_queries_of(staff, LIST) == one <= 6
