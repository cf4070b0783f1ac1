"""allauth's mails bear the site's name, not the name of the host that happened to be asked."""

import pytest
from allauth.account.adapter import get_adapter
from allauth.core.context import request_context
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import post
from concert_site.lib.formats import day_and_time

pytestmark = pytest.mark.django_db


def test_the_code_of_a_password_reset_comes_from_frontrow():
    fan = make_fan(email="fan@example.com", password="correct horse 9")

    post("auth/password/request", {"email": fan.email})

    (letter,) = mail.outbox
    assert letter.subject == "Frontrow: Your code for a new password"
    assert letter.to == ["fan@example.com"]
    assert "testserver" not in letter.message().as_string()
    lines = letter.body.splitlines()
    assert lines[0] == "Hello,"
    assert lines[-2:] == ["Frontrow", "http://127.0.0.1:8000"]
    # The code stands on a line of its own, to be copied.
    assert [line for line in lines if line.strip() and " " not in line.strip()][1].replace("-", "").isalnum()


def test_every_other_mail_of_allauths_names_the_site_too():
    with request_context(RequestFactory().get("/")):
        get_adapter().send_mail("account/email/account_already_exists", "x@example.com", {"password_reset_url": "/"})

    (letter,) = mail.outbox
    assert letter.subject.startswith("Frontrow: ")
    assert letter.body.endswith("Frontrow\nhttp://127.0.0.1:8000")


def test_a_notice_says_from_where_and_when_something_was_changed():
    fan = make_fan(email="fan@example.com", password="correct horse 9", locale="en")
    browser = Client(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}, REMOTE_ADDR="203.0.113.9")
    browser.force_login(fan)
    words = {"oldpassword": "correct horse 9", "password1": "new horse 10", "password2": "new horse 10"}

    browser.post("/accounts/password/change/", words)

    (letter,) = mail.outbox
    assert letter.subject == "Frontrow: Your password was changed"
    (whence,) = [line for line in letter.body.splitlines() if line.startswith("Device:")]
    assert whence.startswith(f"Device: Firefox on Windows, 203.0.113.9, {day_and_time(timezone.now())[:6]}")
