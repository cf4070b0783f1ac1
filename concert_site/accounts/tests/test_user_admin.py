"""Users in the admin: who may change whom, and what no form can smuggle in."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.tests.forms import post_confirmed
from wallet.tests.factories import make_fan as make_fan_with_money

LIST = "/admin/accounts/user/"

pytestmark = pytest.mark.django_db


def page_of(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def rights_of(user):
    user = User.objects.get(pk=user.pk)
    return user.is_staff, user.is_superuser, user.user_permissions.count()


def filled(user, **changes):
    """What the form of this user sends."""
    form = {"email": user.email, "name": user.name, "locale": user.locale, "is_active": "on"}
    return {name: value for name, value in (form | changes).items() if value is not None}


# --- Who may look and change -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "seen", "changed"),
    [
        (make_fan, 302, 302),
        (make_clerk, 403, 403),
        (lambda: make_clerk("view_user"), 200, 403),
        (lambda: make_clerk("change_user"), 200, 302),
        (make_staff, 200, 302),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who changes", "superuser"],
)
def test_who_sees_and_changes_a_fan(client, actor, seen, changed):
    client.force_login(actor())
    fan = make_fan(name="Old")

    assert client.get(LIST).status_code == seen
    assert client.get(page_of(fan)).status_code == seen
    response = client.post(page_of(fan), filled(fan, name="New"))

    assert response.status_code == changed
    is_changed = changed == 302 and seen == 200
    assert User.objects.get(pk=fan.pk).name == ("New" if is_changed else "Old")


def test_rights_posted_by_a_clerk_change_nothing(client):
    client.force_login(make_clerk("change_user", "view_user"))
    fan = make_fan()
    permission = Permission.objects.get(codename="change_user").pk
    hostile = {"is_staff": "on", "is_superuser": "on", "user_permissions": [permission], "groups": [1]}

    assert client.post(page_of(fan), filled(fan, **hostile)).status_code == 302

    assert rights_of(fan) == (False, False, 0)


@pytest.mark.parametrize("address", ["change", "password"])
@pytest.mark.parametrize("target", [make_staff, make_clerk, lambda: make_fan(is_superuser=True)])
def test_a_clerk_touches_no_account_of_staff(client, address, target):
    client.force_login(make_clerk("change_user"))
    other = target()
    before = User.objects.get(pk=other.pk)
    where = page_of(other) if address == "change" else reverse("admin:auth_user_password_change", args=[other.pk])
    form = filled(other, name="Mine", password1="right-one-2026", password2="right-one-2026")

    assert client.post(where, form).status_code == 403

    after = User.objects.get(pk=other.pk)
    assert (after.name, after.password) == (before.name, before.password)


def test_a_clerk_is_not_promoted_by_adding_an_account(client):
    client.force_login(make_clerk("add_user", "change_user"))
    form = {"email": "New@Example.com", "password1": "right-one-2026", "password2": "right-one-2026"}

    hostile = {"usable_password": "true", "is_staff": "on", "is_superuser": "on"}
    assert client.post(LIST + "add/", form | hostile).status_code == 302

    assert rights_of(User.objects.get(email="new@example.com")) == (False, False, 0)


def test_a_superuser_makes_staff_and_gives_permissions(client):
    client.force_login(make_staff())
    form = {"email": "desk@example.com", "password1": "right-one-2026", "password2": "right-one-2026", "is_staff": "on"}
    client.post(LIST + "add/", form | {"usable_password": "true"})
    desk = User.objects.get(email="desk@example.com")
    permission = Permission.objects.get(codename="view_user").pk

    assert desk.check_password("right-one-2026")
    response = client.post(page_of(desk), filled(desk, is_staff="on", user_permissions=[permission]))

    assert response.status_code == 302
    assert rights_of(desk) == (True, False, 1)


def test_a_clerk_sets_a_fans_password(client):
    client.force_login(make_clerk("change_user"))
    fan = make_fan()
    where = reverse("admin:auth_user_password_change", args=[fan.pk])

    assert client.get(where).status_code == 200
    client.post(where, {"usable_password": "true", "password1": "right-one-2026", "password2": "right-one-2026"})

    assert User.objects.get(pk=fan.pk).check_password("right-one-2026")


# --- Addresses ---------------------------------------------------------------------------------


def test_a_new_address_is_the_only_one_that_opens_the_account(client):
    client.force_login(make_staff())
    fan = make_fan(email="old@example.com")
    EmailAddress.objects.create(user=fan, email="old@example.com", primary=True, verified=True)
    EmailAddress.objects.create(user=fan, email="second@example.com")

    client.post(page_of(fan), filled(fan, email="New@Example.com"))

    assert User.objects.get(pk=fan.pk).email == "new@example.com"
    assert list(EmailAddress.objects.values_list("email", "primary", "verified")) == [("new@example.com", True, False)]


@pytest.mark.parametrize("taken", ["TAKEN@example.com", "second@example.com"])
def test_an_address_of_another_account_is_refused_at_the_field(client, taken):
    client.force_login(make_staff())
    fan, other = make_fan(email="old@example.com"), make_fan(email="taken@example.com")
    EmailAddress.objects.create(user=other, email="second@example.com")

    response = client.post(page_of(fan), filled(fan, email=taken))

    assert response.context["adminform"].form.errors == {"email": ["Another account uses this address."]}
    assert User.objects.get(pk=fan.pk).email == "old@example.com"


# --- Deactivating and deleting -----------------------------------------------------------------


def act(client, action, *users):
    return post_confirmed(client, LIST, {"action": action, "_selected_action": [user.pk for user in users]})


def test_a_deactivated_fan_is_logged_out_and_can_not_log_in(client):
    fan = make_fan(password="right-one-2026")
    client.force_login(make_clerk("change_user"))
    act(client, "deactivate", fan)
    assert LogEntry.objects.get().get_change_message() == "Deactivated."

    assert not client.login(email=fan.email, password="right-one-2026")

    client.force_login(make_clerk("change_user"))
    act(client, "activate", fan)
    assert client.login(email=fan.email, password="right-one-2026")


def test_a_clerk_deactivates_fans_alone_and_nobody_themselves(client):
    clerk, boss, fan = make_clerk("change_user"), make_staff(), make_fan()
    for actor in (clerk, boss):
        client.force_login(actor)
        act(client, "deactivate", clerk if actor == clerk else boss, boss if actor == clerk else fan, fan)

    assert dict(User.objects.values_list("pk", "is_active")) == {clerk.pk: True, boss.pk: True, fan.pk: False}


def test_who_has_booked_is_not_deleted_and_hears_why(client):
    client.force_login(make_staff())
    fan = make_fan_with_money(balance=1_000)
    where = reverse("admin:accounts_user_delete", args=[fan.pk])

    for response in (client.get(where, follow=True), client.post(where, {"post": "yes"}, follow=True)):
        assert b"Deactivate the account instead." in response.content

    assert User.objects.filter(pk=fan.pk).exists()


def test_who_never_booked_is_deleted(client):
    client.force_login(make_staff())
    fan = make_fan()

    client.post(reverse("admin:accounts_user_delete", args=[fan.pk]), {"post": "yes"})

    assert not User.objects.filter(pk=fan.pk).exists()


def test_staff_are_not_deleted_and_fans_not_by_the_dozen(client):
    boss, clerk = make_staff(), make_clerk()
    client.force_login(boss)

    assert client.post(reverse("admin:accounts_user_delete", args=[clerk.pk]), {"post": "yes"}).status_code == 403
    act(client, "delete_selected", clerk)

    assert User.objects.count() == 2


# --- What it costs -----------------------------------------------------------------------------


def test_the_list_costs_the_same_for_one_and_for_three(client, django_assert_num_queries):
    client.force_login(make_staff())
    for _ in range(2):
        # The session, the actor, how many there are, and the page.
        with django_assert_num_queries(5):
            assert client.get(LIST).status_code == 200
        make_fan(), make_fan()


def test_a_fan_is_found_by_name_and_address(client):
    client.force_login(make_staff())
    make_fan(email="kim@example.com", name="Kim Minji")

    for words in ("kim@exam", "minji"):
        assert client.get(LIST, {"q": words}).context["cl"].result_list.count() == 1


# --- Roles -------------------------------------------------------------------------------------


def test_a_superuser_puts_a_colleague_into_roles_and_reads_what_each_may_do(client):
    client.force_login(make_staff())
    desk = make_clerk()
    roles = Group.objects.filter(name__in=["box office", "door"])

    page = client.get(page_of(desk)).content.decode()
    assert "Looks up which concert is played when and where" in page
    response = client.post(page_of(desk), filled(desk, is_staff="on", groups=[role.pk for role in roles]))

    assert response.status_code == 302
    assert set(desk.groups.all()) == set(roles)
    assert User.objects.get(pk=desk.pk).has_perm("payments.refund_payment")


def test_a_role_is_for_staff_alone(client):
    client.force_login(make_staff())
    fan = make_fan()

    response = client.post(page_of(fan), filled(fan, groups=[Group.objects.get(name="finance").pk]))

    assert response.status_code == 200
    assert not fan.groups.exists()


def test_a_colleague_is_made_with_a_role_in_one_step(client):
    client.force_login(make_staff())
    form = {"email": "desk@example.com", "password1": "right-one-2026", "password2": "right-one-2026", "is_staff": "on"}
    role = Group.objects.get(name="box office")

    client.post(LIST + "add/", form | {"usable_password": "true", "groups": [role.pk]})

    assert list(User.objects.get(email="desk@example.com").groups.all()) == [role]


def test_roles_of_the_site_are_looked_at_and_a_houses_own_is_changed(client):
    client.force_login(make_staff())
    ours = Group.objects.get(name="finance")
    permission = Permission.objects.get(codename="view_user").pk
    pages = "/admin/auth/group/"

    assert "Finance" in client.get(pages).content.decode()
    assert client.get(f"{pages}{ours.pk}/change/").status_code == 200
    assert client.post(f"{pages}{ours.pk}/change/", {"name": "x", "permissions": []}).status_code == 403
    assert client.post(f"{pages}{ours.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{pages}add/", {"name": "stage hands", "permissions": [permission]}).status_code == 302

    own = Group.objects.get(name="stage hands")
    assert own.permissions.get().codename == "view_user"
    assert client.post(f"{pages}{own.pk}/delete/", {"post": "yes"}).status_code == 302
    client.force_login(make_clerk("change_user", "view_user"))
    assert client.get(pages).status_code == 403


def test_an_operator_makes_a_superuser_by_command_and_none_of_an_address_that_is_taken(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "front-row-2026")

    call_command("createsuperuser", interactive=False, email="Boss@Example.com", verbosity=0)

    boss = User.objects.get()
    assert (boss.email, boss.is_superuser, boss.is_staff) == ("boss@example.com", True, True)
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", interactive=False, email=" BOSS@example.com", verbosity=0)
