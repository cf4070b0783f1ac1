"""What tests that commit leave behind: nothing."""

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django_celery_beat.models import PeriodicTask

from concert_site.accounts.tests.factories import make_fan
from concert_site.tests.clean_slate import CleanSlate
from concert_site.tests.committed import committed
from wallet.models import BalanceHistory
from wallet.tests.factories import make_charge


@committed
def test_a_clean_slate_restores_changed_rows():
    slate = CleanSlate()
    there = state()
    assert BalanceHistory.objects.count() == 0
    make_charge(make_fan(), amount=5_000)
    Group.objects.create(name="stage hands")
    Permission.objects.filter(codename="add_group").delete()
    PeriodicTask.objects.update(enabled=False)
    assert state() != there

    assert slate.restore()
    assert state() == there


def state() -> list[list[tuple[object, ...]]]:
    models = (BalanceHistory, ContentType, Group, Permission, PeriodicTask)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


@committed
def test_changed_functions_and_triggers_are_more_than_it_can_mend():
    slate = CleanSlate()
    for change, back in (
        ("create function public.left_behind() returns int language sql as 'select 1'", "drop function left_behind()"),
        ("alter table balance_history disable trigger user", "alter table balance_history enable trigger user"),
    ):
        execute(change)
        assert not slate.restore()
        execute(back)
        assert slate.restore()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@committed
def test_first_of_two_writes():
    make_fan(email="left@frontrow.test")


@committed
def test_second_of_two_finds_nothing_of_the_first():
    make_fan(email="left@frontrow.test")
