"""Roles are groups, as one table has them, after every migrate."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import make_clerk
from concert_site.back_office.roles import ROLES, make_groups, permission_ids

pytestmark = pytest.mark.django_db


def rights_of(name):
    rows = Permission.objects.filter(group__name=name).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_migrated_database_has_the_roles_of_the_table(role):
    assert rights_of(role.name) == role.permissions


def test_every_permission_of_a_role_is_declared_by_a_model():
    assert set().union(*(role.permissions for role in ROLES)) - permission_ids().keys() == set()


def test_a_second_time_writes_nothing():
    with CaptureQueriesContext(
        connection,
    ) as asked:
        make_groups()

    said = [query["sql"].split()[0] for query in asked]
    assert set(said) <= {"SELECT", "SAVEPOINT", "RELEASE"}
    assert len(asked) <= 12


def test_a_role_meddled_with_is_mended_and_a_houses_own_is_left():
    box_office = Group.objects.get(name="box office")
    own = Group.objects.create(name="stage hands")
    odd = Permission.objects.get(codename="delete_user")
    for group in (box_office, own):
        group.permissions.add(odd)
    box_office.permissions.remove(Permission.objects.get(codename="refund_payment"))
    Group.objects.filter(name="door").delete()
    clerk = make_clerk("delete_user")
    clerk.groups.add(box_office)

    call_command("migrate", verbosity=0)

    assert {role.name: rights_of(role.name) for role in ROLES} == {role.name: role.permissions for role in ROLES}
    assert rights_of("stage hands") == {"accounts.delete_user"}
    assert list(clerk.groups.all()) == [box_office]
    assert clerk.user_permissions.get() == odd


def test_a_permission_that_no_model_declares_any_more_is_taken_from_a_role():
    box_office = Group.objects.get(name="box office")
    past = Permission.objects.create(
        codename="refund_by_fax", name="Can refund by fax", content_type=odd_type("payments", "payment")
    )
    box_office.permissions.add(past)

    make_groups()

    assert past not in box_office.permissions.all()
    assert "payments.refund_by_fax" not in permission_ids()


def odd_type(app, model):
    return Permission.objects.filter(content_type__app_label=app, content_type__model=model).first().content_type
