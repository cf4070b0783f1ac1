"""The cockpit: what its pages show and ask for, who may look, and what its controls do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core import signing
from django.test import Client
from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.back_office.cockpit import passes, texts
from concert_site.lib import heartbeats
from concert_site.lib.cache import clear_caches
from concert_site.lib.formats import clock
from concert_site.tests.unchanged import nothing_changed
from payments.queries import sale_figures
from payments.tests.scenes import buy
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan as make_fan_with_money

ALL = "/admin/sales/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def sale():
    return make_sale(seats=4, queue_max_active=200)


@pytest.fixture
def staff(client):
    client.force_login(make_staff())
    return client


def page_of(sale, name=""):
    return f"{ALL}{sale.pk}/{name}"


def apply(client, sale, name, *, json=False, **sent):
    return client.post(page_of(sale, f"{name}/"), sent, headers={"accept": "application/json"} if json else {})


def pass_in(response):
    return response.context["pass"]


def asked(address, written):
    """The figures as the script asks for them: with its pass, and without a cookie."""
    return Client().get(address, headers={passes.HEADER: written})


# --- What is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"is_sold_out": True}, "sold_out", "Sold out."),
        ({"remaining": 9_999, "sold_in_five": 500}, "sold_out", "At this pace sold out in about 2 hours."),
        ({"remaining": 9_999, "sold_in_five": 1}, "sold_out", "At this pace it won’t sell out within two days."),
        ({"remaining": 10, "sold_in_five": 50}, "sold_out", "At this pace sold out in about 1 minute."),
        ({"message": "Soon"}, "message_until", "Shown until you take it away."),
        ({"drawn_at": None, "gathered": 2}, "state", "Numbers are being drawn"),
    ],
)
def test_what_the_figures_of_a_sale_mean_is_said_in_words(sale, changes, name, said):
    (found,) = sale_figures.read_figures([sale.pk])
    found = replace(found, opens_at=found.read_at - timedelta(hours=1), **changes)

    assert texts.texts(found, [])[name] == said


def test_a_message_with_an_end_says_when_it_disappears(sale):
    (found,) = sale_figures.read_figures([sale.pk])

    told = texts.texts(replace(found, message="Soon", message_until=found.read_at), [])["message_until"]

    assert told == f"Disappears at {clock(found.read_at, found.time_zone)}."


def test_the_page_has_the_figures_and_the_controls_without_a_script(staff, sale):
    buy(make_fan_with_money(balance=50_000), sale, 0, now=None)
    hold(make_fan(), sale, 1, now=None)

    page = staff.get(page_of(sale))

    shown = page.context["sale"]
    assert [shown["texts"][name] for name in ("sold", "held", "remaining", "revenue")] == ["1", "1", "2", "₩50,000"]
    assert shown["categories"][0]["bars"] == [25.0, 50.0]
    text = page.content.decode()
    for words in ("On sale", "1 of 4 sold (25.0 %)", "Pause now", "Close the sale for good", "Set", "Show it"):
        assert words in text
    assert staff.get(page_of(sale)).context["sale"]["texts"]["inside_of"] == "of at most 200"


def test_all_sales_of_the_day_stand_side_by_side(staff, sale):
    soon = make_schedule(reservation_available_at=now() + timedelta(hours=2))
    make_schedule(reservation_available_at=now() + timedelta(days=3))

    page = staff.get(ALL)

    assert [each["id"] for each in page.context["sales"]] == [soon.pk, sale.pk]
    assert (page.context["to_pause"], page.context["to_resume"]) == (1, 0)


def test_the_pages_cost_the_same_for_one_sale_and_for_three(staff, sale, django_assert_max_num_queries):
    for _ in range(2):
        clear_caches()
        with django_assert_max_num_queries(10):
            staff.get(ALL)
        with django_assert_max_num_queries(10):
            staff.get(page_of(sale))
        make_seats(make_schedule(), 2)


def test_the_machinery_is_told_in_words(staff, sale):
    heartbeats.delete_heartbeats("beat", "reservations.tick_admission", "payments.send_mails")
    assert staff.get(page_of(sale)).context["health"]["is_bad"]
    for name in ("beat", "reservations.tick_admission", "payments.send_mails"):
        heartbeats.note(name)

    assert staff.get(page_of(sale)).context["health"]["text"].startswith("All at work")


# --- The figures by themselves ---------------------------------------------------------------------


@pytest.mark.parametrize("address", ["figures/", None])
def test_figures_cost_a_viewer_no_query(staff, sale, address, django_assert_num_queries):
    address = page_of(sale, address) if address else f"{ALL}figures/"
    written = pass_in(staff.get(page_of(sale)))
    asked(address, written)

    with django_assert_num_queries(0):
        # Few: the figures are kept for two seconds, and a busy machine takes its time.
        answers = [asked(address, written) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert [each["id"] for each in answers[0].json()["sales"]] == [sale.pk]
    assert answers[0]["Cache-Control"] == "private, no-store"


def test_who_has_no_pass_shows_a_session_and_is_given_one(staff, sale):
    address = page_of(sale, "figures/")

    found = staff.get(address).json()

    assert asked(address, found["pass"]).status_code == 200
    assert Client().get(address).status_code == 403
    assert asked(address, found["pass"][:-2]).status_code == 403


def test_a_pass_ends_with_its_time(staff, sale, monkeypatch):
    written = pass_in(staff.get(page_of(sale)))
    at = signing.time.time() + passes.LIFETIME_SECONDS + 1
    monkeypatch.setattr(signing.time, "time", lambda: at)

    assert asked(page_of(sale, "figures/"), written).status_code == 403


def test_a_pass_ends_at_once_with_the_account(client, sale):
    clerk = make_clerk("view_concertschedule")
    client.force_login(clerk)
    written = pass_in(client.get(page_of(sale)))
    assert asked(page_of(sale, "figures/"), written).status_code == 200
    boss = Client()
    boss.force_login(make_staff())

    boss.post("/admin/accounts/user/", {"action": "deactivate", "_selected_action": [clerk.pk]}, follow=True)
    clerk.refresh_from_db()

    assert not clerk.is_active
    assert asked(page_of(sale, "figures/"), written).status_code == 403


def test_money_is_shown_to_who_may_see_payments(client, sale):
    client.force_login(make_clerk("view_concertschedule"))
    page = client.get(page_of(sale))
    found = asked(page_of(sale, "figures/"), pass_in(page)).json()["sales"][0]

    assert "revenue" not in found["texts"]
    assert "Revenue" not in page.content.decode()


def test_figures_are_in_the_language_of_the_account(client, sale):
    client.force_login(make_staff(locale="ko"))
    written = pass_in(client.get(page_of(sale)))

    found = asked(page_of(sale, "figures/"), written).json()["sales"][0]

    assert found["texts"]["revenue"] == "0원"


# --- Controls ----------------------------------------------------------------------------------------


def test_who_may_only_look_uses_no_control(client, sale):
    client.force_login(make_clerk("view_concertschedule"))
    assert "cockpit-controls" not in client.get(page_of(sale)).content.decode()

    with nothing_changed():
        for name in ("pause", "resume", "cap", "message", "close"):
            assert apply(client, sale, name).status_code == 403
        for address in (f"{ALL}pause/", f"{ALL}resume/"):
            assert client.post(address).status_code == 403


@pytest.mark.parametrize("permission", ["run_sale", "change_concertschedule"])
def test_who_runs_sales_uses_controls(client, sale, permission):
    client.force_login(make_clerk(permission))

    found = apply(client, sale, "pause", json=True).json()

    assert found["sales"][0]["state"] == "PAUSED"
    assert found["said"] == "Paused: nobody is let in. waiting room paused: no → yes."
    assert ConcertSchedule.objects.get(pk=sale.pk).queue_paused
    assert "revenue" not in found["sales"][0]["texts"]


def test_a_control_is_in_the_log_with_what_it_was_and_what_it_is(staff, sale):
    apply(staff, sale, "cap", most_inside="500", seen="200")
    apply(staff, sale, "message", message="Ten minutes late.", minutes="15", seen="")
    apply(staff, sale, "cap", most_inside="500", seen="500")

    said = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert said[0] == "Changed how many may be inside. fans inside at once: 200 → 500."
    assert said[1].startswith(
        "Everyone waiting reads the message. message to everyone waiting: none → “Ten minutes late.”"
    )
    assert len(said) == 2


def test_a_control_without_a_script_comes_back_to_the_page_and_says_so(staff, sale):
    response = staff.post(page_of(sale, "pause/"), follow=True)

    assert response.redirect_chain == [(page_of(sale), 302)]
    assert "Paused: nobody is let in." in response.content.decode()
    assert response.context["sale"]["is_paused"]
    assert "Resumed: fans are let in again." in staff.post(page_of(sale, "resume/"), follow=True).content.decode()


def test_a_control_that_is_where_it_should_be_says_so_and_notes_nothing(staff, sale):
    assert "It isn’t paused." in staff.post(page_of(sale, "resume/"), follow=True).content.decode()
    apply(staff, sale, "pause")

    assert "It is paused already." in staff.post(page_of(sale, "pause/"), follow=True).content.decode()
    assert LogEntry.objects.count() == 1


def test_a_control_that_another_has_moved_meanwhile_says_by_whom(staff, sale):
    other = make_clerk("run_sale", email="colleague@example.com")
    colleague = Client()
    colleague.force_login(other)
    apply(colleague, sale, "cap", most_inside="300", seen="200")

    found = apply(staff, sale, "cap", json=True, most_inside="500", seen="200").json()

    assert found["is_refused"]
    assert "fans inside at once: 300" in found["said"]
    assert "colleague@example.com" in found["said"]
    assert found["sales"][0]["most_inside"] == 300
    assert ConcertSchedule.objects.get(pk=sale.pk).queue_max_active == 300


def test_the_sale_is_closed_once(staff, sale):
    found = apply(staff, sale, "close", json=True).json()
    again = apply(staff, sale, "close", json=True).json()

    assert (found["sales"][0]["state"], found["is_refused"]) == ("CLOSED", False)
    assert "it would have closed" in LogEntry.objects.get().get_change_message()
    assert (again["is_refused"], again["said"]) == (True, "This sale is closed already.")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("cap", {"most_inside": "-1", "seen": "200"}),
        ("cap", {"most_inside": "2147483648", "seen": "200"}),
        ("cap", {"most_inside": "5"}),
        ("message", {"message": "x" * 501, "seen": ""}),
        ("message", {"message": "x", "minutes": "7", "seen": ""}),
        ("lift", {}),
    ],
)
def test_nonsense_changes_nothing_and_is_said(staff, sale, name, sent):
    with nothing_changed():
        found = apply(staff, sale, name, json=True, **sent).json()

    assert found["is_refused"]
    assert found["said"]


def test_a_control_is_not_used_by_a_link(staff, sale):
    with nothing_changed():
        assert staff.get(page_of(sale, "pause/")).status_code == 405
        assert staff.get(f"{ALL}pause/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_everything_is_paused_with_a_count_and_resumed(client):
    sale, other = make_sale(seats=1), make_schedule(queue_paused=True)
    client.force_login(make_staff())
    assert "1 sale, with 0 waiting" in client.get(ALL).content.decode()

    page = client.post(f"{ALL}pause/", follow=True)

    assert "Paused everything: 1 sale, where nobody is let in." in page.content.decode()
    assert (page.context["to_pause"], page.context["to_resume"]) == (0, 1)
    assert LogEntry.objects.get().object_id == str(sale.pk)
    page = client.post(f"{ALL}resume/", follow=True)
    assert "Resumed what was paused with everything: 1 sale." in page.content.decode()
    assert list(ConcertSchedule.objects.filter(queue_paused=True)) == [other]
