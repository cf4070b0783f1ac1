"""allauth's mails bear the site's name, not the name of the host that happened to be asked."""

import pytest
from allauth.account.adapter import get_adapter
from allauth.core.context import request_context
from django.core import mail
from django.test import RequestFactory

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import post

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
