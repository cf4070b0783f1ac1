"""A person's own data: handed out whole, and erased without a trace of who it was."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pgtrigger
import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from concert_site.accounts.models import User
from concert_site.approvals.models import Approval
from concert_site.operations import audit
from concert_site.operations.personal_data import erasing
from concert_site.operations.personal_data.collecting import SECTIONS, collect
from concert_site.tests.site import Site
from concert_site.trace.models import Change
from reservations.models import ConcertSchedule, Reservation, StaffNote
from wallet.domain.ledger import adjust
from wallet.models import BalanceHistory

PASSWORD = "a horse that is correct"
LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def fan(site):
    """With a name that is found wherever it is left."""
    user = User.objects.get(pk=site.ids["fan"])
    user.name, user.email, user.locale = "Hong Gildong", "gildong@example.com", "ko"
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    LogEntry.objects.create(
        user_id=site.ids["other"],
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr=user.email,
        action_flag=CHANGE,
    )
    return user


@pytest.fixture
def client_of_fan(fan):
    client = Client()
    assert client.post("/accounts/login/", {"login": fan.email, "password": PASSWORD}).status_code == 302
    return client


def settle(site, fan):
    """Nothing to come and nothing left: the concert is over, what was held is given back, the wallet is empty."""
    adjust(user_id=fan.pk, amount=-65_000, note="Paid out", actor_id=site.ids["other"], idempotency_key="out")
    Reservation.objects.filter(status="RESERVING").update(status="CANCELED")
    ConcertSchedule.objects.update(
        reservation_available_at=LONG_AGO, deadline_at=LONG_AGO + timedelta(1), concert_at=LONG_AGO + timedelta(1)
    )


def everything():
    """The whole database, as text."""
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"select coalesce(string_agg(t::text, chr(10)), '') from \"{table}\" t")
            yield table, cursor.fetchone()[0]


def where(*words):
    """The tables in which one of these words stands."""
    return sorted(table for table, text in everything() if any(word in text.lower() for word in words))


def test_download_has_all_of_one_fan_and_nothing_of_another(client_of_fan, fan):
    answer = client_of_fan.post("/accounts/data/download/")

    assert answer["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    found = json.loads(archive.read("data.json"))
    assert found["account"][0]["email"] == "gildong@example.com"
    assert [row["status"] for row in found["bookings"]] == ["RESERVING", "RESERVED", "CANCELED"]
    assert [row["amount_after"] for row in found["ledger"]] == [120_000, 70_000, 20_000, 65_000]
    assert [row["text"] for row in found["notes"]] == ["Calls back"]
    assert len(found["sessions"]) == 1
    assert "other@example.com" not in archive.read("data.json").decode()
    page = archive.read("data.html").decode()
    assert "gildong@example.com" in page
    # In the account's own language, amounts as people write them.
    assert "예매" in page
    assert "₩120,000" in page or "120,000원" in page
    assert fan.password not in page + archive.read("data.json").decode()


def test_every_table_that_names_a_fan_is_handed_out_or_said_not_to_be():
    """A new table with a foreign key on users must be thought about."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct conrelid::regclass::text from pg_constraint"
            " where contype = 'f' and confrelid = 'users'::regclass"
        )
        naming = {name for (name,) in cursor.fetchall()}
    handed_out = {section.model._meta.db_table for section in SECTIONS}
    of_staff_alone = {
        "announcement",
        "django_admin_log",
        "hall_version",
        "named_hold",
        "rebooking",
        "refund_run",
        "settlement_day",
        "users_groups",
        "users_user_permissions",
    }
    # What is for sale says who holds it; the bookings say the same.
    assert naming - handed_out - of_staff_alone == {"concert_seat"}


def test_nobody_downloads_without_logging_in(fan):
    assert Client().post("/accounts/data/download/")["Location"] == "/accounts/login/?next=/accounts/data/"
    assert Client().get("/accounts/data/download/").status_code == 302
    assert Client().get("/accounts/close/").status_code == 302


def test_account_with_money_and_tickets_is_not_closed(client_of_fan, site, fan):
    with pgtrigger.ignore("approvals.Approval:approval_order_stays"):
        Approval.objects.update(fan_id=fan.pk)
    found = {each.code for each in erasing.obstacles(fan.pk)}
    assert found == {"money_left", "tickets_left", "step_waiting"}
    page = client_of_fan.get("/accounts/close/").content.decode()
    assert "예치금 잔액이 있거나" in page
    assert 'name="password"' not in page

    client_of_fan.post("/accounts/close/", {"is_sure": "on", "password": PASSWORD})

    fan.refresh_from_db()
    assert (fan.email, fan.is_active) == ("gildong@example.com", True)
    with pytest.raises(CommandError, match="can't be erased"):
        call_command("erase_fan", "gildong@example.com", yes=True)


def test_staff_do_not_close_their_account_here(fan):
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert "staff_account" in {each.code for each in erasing.obstacles(fan.pk)}


def test_closing_takes_the_right_password_and_a_tick(client_of_fan, site, fan):
    settle(site, fan)
    for sent in ({"password": PASSWORD}, {"is_sure": "on"}, {"is_sure": "on", "password": "wrong"}):
        answer = client_of_fan.post("/accounts/close/", sent)
        assert answer.status_code == 200
        # The first that is wrong is told, whatever kind of field it is, and has the focus.
        page = answer.content.decode()
        assert page.count('class="errorlist"') == page.count("autofocus") == 1
    fan.refresh_from_db()
    assert fan.email == "gildong@example.com"


def test_who_has_no_password_must_have_logged_in_just_now(client_of_fan, site, fan):
    settle(site, fan)
    fan.set_unusable_password()
    fan.save()
    late = Client()
    late.force_login(fan, backend="allauth.account.auth_backends.AuthenticationBackend")
    late.post("/accounts/close/", {"is_sure": "on"})
    fan.refresh_from_db()
    assert fan.is_active


@pytest.mark.django_db(transaction=True)
def test_closed_account_leaves_numbers_and_no_name(client_of_fan, site, fan):
    settle(site, fan)
    StaffNote.objects.create(
        booking_reference="B", text="Gildong wants the aisle", actor_id=site.ids["other"], key=fan_key()
    )
    assert {"users", "staff_note", "change", "django_admin_log"} <= set(where("gildong"))
    ledger = list(BalanceHistory.objects.filter(user=fan).order_by("pk").values_list("amount", "amount_after"))

    answer = client_of_fan.post("/accounts/close/", {"is_sure": "on", "password": PASSWORD})

    assert answer.status_code == 302
    assert where("gildong", "hong") == []
    assert client_of_fan.get("/accounts/profile/").status_code == 302
    assert UserSession.objects.filter(user=fan).count() == 0
    assert list(BalanceHistory.objects.filter(user=fan).order_by("pk").values_list("amount", "amount_after")) == ledger
    assert Client().post("/accounts/login/", {"login": "gildong@example.com", "password": PASSWORD}).status_code == 200
    # What others did stays as it is told.
    assert Change.objects.filter(fan_id=fan.pk).exists()
    assert [
        finding.invariant for finding in audit.run() if finding.invariant in (4, 5, 10, 11) and finding.breaches
    ] == []
    # The address is free, and whoever has it now has nothing of the one before.
    again = User.objects.create_user("gildong@example.com")
    assert collect(again.pk)["bookings"] == []
    # Twice is no error.
    erasing.erase(fan.pk)


def fan_key():
    return "6f1c1f0e-5d53-4a2c-8f43-0a4a3a5a7a11"


def test_commands_export_and_say_what_they_would_do(site, fan, tmp_path, capsys):
    file = tmp_path / "his.zip"
    call_command("export_fan", "Gildong@example.com", to=str(file))
    assert zipfile.ZipFile(file).namelist() == ["data.json", "data.html"]
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="no account"):
        call_command("export_fan", "nobody@example.com")
    settle(site, fan)
    call_command("erase_fan", "gildong@example.com")
    assert "can be erased" in capsys.readouterr().out
    fan.refresh_from_db()
    assert fan.is_active
