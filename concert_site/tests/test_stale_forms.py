"""Forms of staff that others overtook: nothing is undone by them, and who saves learns of it, field by field."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.house.models import HousePage
from concert_site.tests.committed import committed
from concert_site.tests.forms import forms_in, open_form
from concert_site.tests.site import Site
from reservations.models import ConcertSchedule, Venue
from reservations.tests.factories import make_concert, make_schedule, make_seats

pytestmark = pytest.mark.django_db


class Clerk:
    """Somebody of staff with a browser of their own."""

    def __init__(self, email):
        self.user = make_staff(email=email)
        self.browser = Client()
        self.browser.force_login(self.user)

    def opens(self, row):
        return open_form(self.browser, page_of(row))

    def saves(self, row, form, **typed):
        """The answer to saving: a page of what others changed, or a redirect."""
        return self.browser.post(page_of(row), form | typed)

    def saves_and_reads_on(self, row, form):
        """What the page after saving says."""
        return self.browser.post(page_of(row), form, follow=True)


@pytest.fixture
def ann():
    return Clerk("ann@example.com")


@pytest.fixture
def ben():
    return Clerk("ben@example.com")


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text_of(response):
    return response.content.decode().replace("&#x27;", "'")


NOTHING = "Nothing was changed, so nothing was saved."


# --- What happened -----------------------------------------------------------------------------


def test_a_sale_that_was_closed_meanwhile_stays_closed(ann, ben):
    schedule = make_schedule()
    form = ann.opens(schedule)
    ben.browser.post(f"{page_of(schedule).removesuffix('change/')}close-sale/")

    assert NOTHING in text_of(ann.saves_and_reads_on(schedule, form))

    schedule.refresh_from_db()
    assert schedule.deadline_at <= now()
    assert LogEntry.objects.filter(user=ann.user).count() == 0


def test_a_concert_that_was_unpublished_meanwhile_stays_so(ann, ben):
    concert = make_concert(status="AVAILABLE")
    form = ann.opens(concert)
    ben.browser.post("/admin/reservations/concert/", {"action": "unpublish", "_selected_action": concert.pk})

    page = text_of(ann.saves(concert, form, host="Another host"))

    assert "Now: unavailable. It was: available. (ben@example.com," in page
    assert 'value="Another host"' in page
    concert.refresh_from_db()
    assert (concert.status, concert.host) == ("UNAVAILABLE", "")


def test_a_fans_new_address_is_not_put_back(ann, ben):
    fan = make_fan(email="old@example.com", name="Old")
    form = ann.opens(fan)
    ben.saves(fan, ben.opens(fan), email="new@example.com")

    assert NOTHING in text_of(ann.saves_and_reads_on(fan, form))
    page = text_of(ann.saves(fan, form, name="New"))

    assert "Now: new@example.com. It was: old@example.com. (ben@example.com," in page
    fan.refresh_from_db()
    assert (fan.email, fan.name) == ("new@example.com", "Old")


# --- What to do about it -------------------------------------------------------------------------


def second_page(clerk, row, form, **typed):
    """The form of the page that comes back."""
    return open_form_of(clerk.browser.post(page_of(row), form | typed))


def open_form_of(response):
    return max(forms_in(response.content.decode()), key=len)


def overtaken_venue(ann, ben):
    """Ann typed name and address; meanwhile Ben changed name and map."""
    venue = Venue.objects.create(name="Hall", address="1 Street", time_zone="Asia/Seoul")
    form = ann.opens(venue)
    ben.saves(venue, ben.opens(venue), name="Ben's hall", map_url="https://example.com/ben")
    return venue, second_page(ann, venue, form, name="Ann's hall", address="2 Street")


def values_of(venue):
    return Venue.objects.values_list("name", "address", "map_url").get(pk=venue.pk)


def test_the_page_that_comes_back_keeps_what_was_typed_and_shows_what_is_there(ann, ben):
    venue, form = overtaken_venue(ann, ben)

    assert values_of(venue) == ("Ben's hall", "1 Street", "https://example.com/ben")
    assert (form["name"], form["address"], form["map_url"]) == (
        ["Ann's hall"],
        ["2 Street"],
        ["https://example.com/ben"],
    )


def test_saving_again_writes_over_it_on_purpose_and_leaves_what_was_not_typed(ann, ben):
    venue, form = overtaken_venue(ann, ben)

    ann.saves(venue, form)

    assert values_of(venue) == ("Ann's hall", "2 Street", "https://example.com/ben")


def test_what_is_ticked_stays_as_it_is(ann, ben):
    venue, form = overtaken_venue(ann, ben)

    ann.saves(venue, form, _keep="name")

    assert values_of(venue) == ("Ben's hall", "2 Street", "https://example.com/ben")


def test_a_third_one_in_between_is_told_of_as_well(ann, ben):
    venue, form = overtaken_venue(ann, ben)
    Venue.objects.filter(pk=venue.pk).update(address="3 Street")

    page = text_of(ann.saves(venue, form))

    assert "Now: 3 Street. It was: 1 Street." in page
    assert values_of(venue)[0] == "Ben's hall"


def test_what_was_changed_back_before_the_page_came_back_is_told_above_the_form(ann, monkeypatch):
    venue = Venue.objects.create(name="Hall", address="1 Street", time_zone="Asia/Seoul")
    form = ann.opens(venue)
    venues = admin.site.get_model_admin(Venue)
    write = venues.write

    def write_in_between(request, form, obj):
        Venue.objects.filter(pk=venue.pk).update(name="Ben's hall")
        try:
            return write(request, form, obj)
        finally:
            Venue.objects.filter(pk=venue.pk).update(name="Hall")

    monkeypatch.setattr(venues, "write", write_in_between)
    response = ann.saves(venue, form, address="2 Street")

    assert response.status_code == 200
    assert "Somebody else changed this meanwhile." in text_of(response)
    assert open_form_of(response)["address"] == ["2 Street"]
    assert values_of(venue) == ("Hall", "1 Street", "")


def test_a_form_with_an_error_forgets_nothing_of_what_it_showed(ann, ben):
    venue = Venue.objects.create(name="Hall", address="1 Street", time_zone="Asia/Seoul")
    form = ann.opens(venue)
    ben.saves(venue, ben.opens(venue), address="2 Street")

    form = second_page(ann, venue, form, name="")
    page = text_of(ann.saves(venue, form, name="New name"))

    assert "Now: 2 Street. It was: 1 Street." in page
    assert values_of(venue)[:2] == ("Hall", "2 Street")


def test_the_waiting_room_notices_too(ann, ben):
    schedule = make_schedule(queue_max_active=200)
    room = f"{page_of(schedule).removesuffix('change/')}waiting-room/"
    form = open_form(ann.browser, room)
    ben.browser.post(room, open_form(ben.browser, room) | {"queue_max_active": 7})

    page = ann.browser.post(room, form | {"queue_message": "Soon!"})
    assert "Now: 7. It was: 200. (ben@example.com," in text_of(page)
    ann.browser.post(room, open_form_of(page))

    schedule.refresh_from_db()
    assert (schedule.queue_max_active, schedule.queue_message) == (7, "Soon!")


def test_permissions_are_told_of_by_name(ann, ben):
    colleague = make_staff(email="colleague@example.com", is_superuser=False)
    form = ann.opens(colleague)
    ben.saves(colleague, ben.opens(colleague), is_superuser="on")

    page = text_of(ann.saves(colleague, form, name="New"))

    assert "Now: yes. It was: no. (ben@example.com," in page
    assert User.objects.get(pk=colleague.pk).is_superuser


def test_roles_that_changed_meanwhile_are_told_of_by_name_and_whose(ann, ben):
    colleague = make_staff(email="colleague@example.com", is_superuser=False)
    form = ann.opens(colleague)
    ben.saves(colleague, ben.opens(colleague), groups=[Group.objects.get(name="finance").pk])

    page = text_of(ann.saves(colleague, form, name="New"))

    assert "Now: Finance. It was: empty. (ben@example.com," in page


def test_a_row_that_was_chosen_meanwhile_is_told_of_by_name(ann, ben):
    concert = make_concert()
    form = ann.opens(concert)
    ben.saves(concert, ben.opens(concert), venue=Venue.objects.create(name="Odeon", time_zone="Asia/Seoul").pk)

    page = text_of(ann.saves(concert, form, host="Somebody"))

    assert "Now: Odeon. It was: empty. (ben@example.com," in page


def test_whatever_stands_for_the_note_is_no_500(ann):
    venue = Venue.objects.create(name="Hall", address="1 Street", time_zone="Asia/Seoul")
    form = ann.opens(venue)

    notes = ["", "[]", "{}", '{"at": "x", "fields": {}}', "x" * 600_000, '{"at": 1e999}', "[" * 99_999]
    for nth, note in enumerate(notes):
        assert ann.saves(venue, form, name=f"New {nth}", _shown=note).status_code == 302
        assert values_of(venue)[0] == f"New {nth}"


def test_a_note_that_names_what_the_form_has_not_changes_nothing(ann):
    venue = Venue.objects.create(name="Hall", address="1 Street", time_zone="Asia/Seoul")
    note = '{"at": 99999999999999999999, "fields": {"id": 1, "name": {"a": 1}, "x": [1]}}'

    page = text_of(ann.saves(venue, ann.opens(venue), address="2 Street", _shown=note))

    assert "Somebody else changed this" in page
    assert values_of(venue)[1] == "1 Street"


def test_what_a_fan_did_is_told_as_not_done_by_staff(ann):
    fan = make_fan(name="Old")
    form = ann.opens(fan)
    User.objects.filter(pk=fan.pk).update(name="Own choice")

    page = text_of(ann.saves(fan, form, locale="ko"))

    assert "Now: Own choice. It was: Old. (not by staff," in page


def test_the_trace_names_who_closed_the_sale_though_the_log_names_no_field(ann, ben):
    # As below: of an evening, a sale that goes on until the concert would go on beyond the time that is typed.
    schedule = make_schedule(deadline_at=now() + timedelta(days=1))
    form = ann.opens(schedule)
    ben.browser.post(f"{page_of(schedule).removesuffix('change/')}close-sale/")
    LogEntry.objects.all().delete()

    assert "(ben@example.com," in text_of(ann.saves(schedule, form, concert_at_0="2037-05-01"))


def test_what_is_no_choice_comes_back_as_what_is_there(ann):
    concert = make_concert()
    form = ann.opens(concert)

    for choice in ("nan", "9" * 40, "<script>"):
        page = ann.saves(concert, form, venue=choice)
        assert page.status_code == 200
        assert "Select a valid choice" in text_of(page)


# --- At once -----------------------------------------------------------------------------------

TYPED = {
    "venue": lambda nth: {"name": f"Hall {nth}"},
    "concert": lambda nth: {"host": f"Host {nth}"},
    "page": lambda nth: {"title": f"Title {nth}"},
    "fan": lambda nth: {"name": f"Name {nth}"},
    "date": lambda nth: {"concert_at_1": f"19:0{nth}:00"},
}
MAKE = {
    "venue": lambda: Venue.objects.create(name="Hall", time_zone="Asia/Seoul"),
    "concert": make_concert,
    "page": lambda: HousePage.objects.create(kind="HELP", language="ko", title="Help", body="Ask us."),
    "fan": make_fan,
    # Whatever the hour, its sale ends before the time that is typed.
    "date": lambda: make_schedule(deadline_at=now() + timedelta(days=1)),
}


@committed
@pytest.mark.parametrize("kind", MAKE)
def test_of_clerks_who_save_at_once_one_is_saved_and_the_others_are_told(kind):
    row, clerks = MAKE[kind](), [Clerk(f"clerk{nth}@example.com") for nth in range(3)]
    forms = [clerk.opens(row) | TYPED[kind](nth) for nth, clerk in enumerate(clerks)]

    done = at_once([partial(clerk.browser.post, page_of(row), form) for clerk, form in zip(clerks, forms, strict=True)])

    assert sorted(answer.status_code for answer in done) == [200, 200, 302]
    assert all("Somebody else changed this" in text_of(answer) for answer in done if answer.status_code == 200)
    assert LogEntry.objects.count() == 1


# --- Each of them ------------------------------------------------------------------------------


def pages_of_rows():
    """The page of one row of each model that staff look after."""
    for model in admin.site._registry:
        row = model._default_manager.order_by("pk").first()
        # What waits for a second person has a page of its own, which is no form of the row.
        if row is not None and model._meta.model_name != "approval":
            yield page_of(row), row


def row_in_database(row):
    with connection.cursor() as cursor:
        table, key = row._meta.db_table, row._meta.pk.column
        cursor.execute(f"select ctid, t::text from {table} t where {key}::text = %s", [str(row.pk)])
        return cursor.fetchone()


def test_every_form_that_nobody_typed_into_writes_nothing(ann):
    Site().withdraw()
    saved = []

    for page, row in list(pages_of_rows()):
        before = row_in_database(row)
        opened = ann.browser.get(page)
        offered = [field for field in opened.context["adminform"].form.fields.values() if not field.disabled]
        # A page with a form of a row says what it shows, and no other.
        assert ('name="_shown"' in text_of(opened)) == bool(offered), page
        form = open_form_of(opened)
        if "_shown" in form:
            answer = ann.browser.post(page, form, follow=True)
            assert NOTHING in text_of(answer), page
            saved.append(row._meta.model_name)
        assert row_in_database(row) == before, page

    assert {"concert", "concertschedule", "venue", "user", "housefacts", "housepage", "periodictask"} <= set(saved)
    assert LogEntry.objects.count() == 0


def test_seats_that_were_made_meanwhile_are_not_made_twice(ann, ben):
    schedule = ConcertSchedule.objects.get(pk=make_schedule().pk)
    grid = f"{page_of(schedule).removesuffix('change/')}add-seats/"
    form = open_form(ann.browser, grid)
    make_seats(schedule, 3)
    typed = {"name": "Typed", "rows": 2, "seats_per_row": 2, "price": 50_000}

    sent = {f"sections-0-{name}": value for name, value in typed.items()}
    page = ann.browser.post(grid, form | sent | {"save": "1"}, follow=True)

    assert schedule.seats.count() == 3
    assert "This schedule has seats already." in text_of(page)
    assert 'value="Typed"' in text_of(page)
