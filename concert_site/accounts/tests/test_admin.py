"""The admin's login is throttled, and what other apps bring into it for accounts is out again."""

import pytest
from django.contrib import admin

from concert_site.accounts.tests.factories import make_fan, make_staff

OURS = {"accounts", "concert_site", "wallet", "queueing", "reservations", "payments"}

pytestmark = pytest.mark.django_db


# The periodic tasks, Django's log, the house, and who may do what, with what they did.
OF_OTHERS = {"django_celery_beat", "admin", "house", "approvals", "auth", "trace"}


def test_of_other_apps_only_what_staff_need_is_registered():
    apps = {model._meta.app_label for model in admin.site._registry}

    assert apps - OURS == OF_OTHERS


def test_the_index_shows_a_superuser_the_same(client):
    client.force_login(make_staff())

    response = client.get("/admin/")

    assert response.status_code == 200
    assert {app["app_label"] for app in response.context["app_list"]} - OURS == OF_OTHERS


def test_a_fan_is_sent_to_the_login(client):
    client.force_login(make_fan())

    assert client.get("/admin/").status_code == 302


# --- The login ---------------------------------------------------------------------------------


def log_in(client, user, password):
    """Whether the login that the admin leads to let somebody into the admin."""
    login = client.get("/admin/login/?next=/admin/")["Location"]
    client.post(login, {"login": user.email, "password": password})
    return client.get("/admin/").status_code == 200


def test_the_way_into_the_admin_is_everybodys_login(client):
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/accounts/login/?next=/admin/"
    assert client.get("/admin/login/?next=//evil.example/")["Location"] == "/accounts/login/?next=/admin/"


def test_staff_log_in_however_the_address_is_typed(client):
    staff = make_staff(email="box.office@example.com", password="right-one-2026")
    staff.email = "Box.Office@example.com"

    assert log_in(client, staff, "right-one-2026")


@pytest.mark.parametrize("fields", [{"is_staff": False}, {"is_active": False}])
def test_who_is_no_active_member_of_staff_is_not_let_in(client, fields):
    assert not log_in(client, make_staff(password="right-one-2026", **fields), "right-one-2026")


def test_a_fan_who_is_logged_in_hears_that_this_is_not_theirs(client):
    client.force_login(make_fan())

    assert client.get("/admin/login/?next=/admin/").status_code == 403


def test_logging_in_often_is_no_guessing(client):
    staff = make_staff(password="right-one-2026")

    for _ in range(6):
        client.post("/accounts/login/", {"login": staff.email, "password": "right-one-2026"})
        client.post("/accounts/logout/")

    assert log_in(client, staff, "right-one-2026")
