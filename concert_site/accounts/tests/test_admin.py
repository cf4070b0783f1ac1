"""What other apps bring into the admin for accounts is out again."""

import pytest
from django.contrib import admin

from concert_site.accounts.tests.factories import make_fan, make_staff

OURS = {"accounts", "concert_site", "wallet", "queueing", "reservations", "payments"}

pytestmark = pytest.mark.django_db


def test_of_other_apps_only_the_periodic_tasks_are_registered():
    apps = {model._meta.app_label for model in admin.site._registry}

    assert apps - OURS == {"django_celery_beat"}


def test_the_index_shows_a_superuser_the_same(client):
    client.force_login(make_staff())

    response = client.get("/admin/")

    assert response.status_code == 200
    assert {app["app_label"] for app in response.context["app_list"]} - OURS == {"django_celery_beat"}


def test_a_fan_is_sent_to_the_login(client):
    client.force_login(make_fan())

    assert client.get("/admin/").status_code == 302
