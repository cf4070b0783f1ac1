"""An address belongs to whoever reads its mail: changing it, confirming it, and what a token alone can't do."""

import json
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client

from concert_site.accounts.addresses import EmailTaken, claim_address, receivable_address
from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.accounts.tests.headless import (
    PASSWORD,
    bearer,
    code_in,
    code_to,
    codes_of,
    log_in,
    post,
    sign_up,
    token_of,
)

pytestmark = pytest.mark.django_db

ROOT = "/_allauth/app/v1/"
ADDRESS, CODE_PAGE = "/accounts/email/", "/accounts/email/code/"
NEW = "new@example.com"


def call(method, name, body=None, *, token):
    """An operation of an app that has an access token."""
    return Client(raise_request_exception=False).generic(
        method, ROOT + name, json.dumps(body or {}), content_type="application/json", headers=bearer(token)
    )


def is_in(token):
    return Client().get("/api/v1/wallet/", headers=bearer(token)).status_code == 200


def listed(token):
    found = call("GET", "account/email", token=token).json()["data"]
    return [(each["email"], each["verified"], each["primary"]) for each in found]


def subjects_to(address):
    return [each.subject.removeprefix("Frontrow: ") for each in mail.outbox if each.to == [address]]


def addresses():
    return set(EmailAddress.objects.values_list("email", "verified", "primary"))


@pytest.fixture
def owner():
    """A fan with a password and a confirmed address."""
    fan = make_fan(email="owner@example.com", password=PASSWORD)
    EmailAddress.objects.create(user=fan, email=fan.email, verified=True, primary=True)
    return fan


@pytest.fixture
def token(owner):
    return token_of(log_in(owner.email))


# --- Changing it -------------------------------------------------------------------------------


def test_an_app_changes_it_by_password_and_code(owner, token):
    other = token_of(log_in(owner.email))

    asked = call("POST", "account/email", {"email": "New@Example.com", "password": PASSWORD}, token=token)
    assert asked.status_code == 200
    assert User.objects.get().email == "owner@example.com"
    assert subjects_to("owner@example.com") == ["A request to change your e-mail address"]

    done = call("POST", "auth/email/verify", {"key": code_to(NEW)}, token=token)

    assert (done.status_code, User.objects.get().email, addresses()) == (200, NEW, {(NEW, True, True)})
    assert subjects_to("owner@example.com")[1:] == ["Your e-mail address was changed"]
    assert [is_in(each) for each in (token, other, token_of(done))] == [False, False, True]
    assert log_in("owner@example.com").status_code == 400
    assert log_in(NEW).status_code == 200


def test_a_page_changes_it_by_the_same_rules(owner):
    browser, elsewhere = Client(), Client()
    for each in (browser, elsewhere):
        each.force_login(owner)

    asked = browser.post(ADDRESS, {"email": NEW, "password": PASSWORD})
    assert (asked.status_code, asked["Location"]) == (302, CODE_PAGE)
    assert User.objects.get().email == "owner@example.com"
    assert NEW in browser.get(CODE_PAGE).content.decode()
    done = browser.post(CODE_PAGE, {"code": code_to(NEW)})

    assert (done["Location"], User.objects.get().email, addresses()) == ("/accounts/profile/", NEW, {(NEW, True, True)})
    assert subjects_to("owner@example.com")[1:] == ["Your e-mail address was changed"]
    assert browser.get("/accounts/profile/").status_code == 200
    assert elsewhere.get("/accounts/profile/").status_code == 302


@pytest.mark.parametrize("password", [None, "", "wrong horse 9"])
def test_a_token_alone_changes_nothing(owner, token, password):
    body = {"email": "thief@example.com"} | ({} if password is None else {"password": password})

    refused = call("POST", "account/email", body, token=token)

    assert refused.status_code == 400
    assert {param for param, _code in codes_of(refused)} == {"password"}
    assert mail.outbox == []
    assert addresses() == {("owner@example.com", True, True)}


def test_passwords_are_guessed_as_slowly_there_as_at_the_login(owner, token):
    answers = [
        call("POST", "account/email", {"email": NEW, "password": f"guess number {nth}"}, token=token).status_code
        for nth in range(12)
    ]

    assert answers == [400] * 10 + [429] * 2
    assert call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token).status_code == 429


@pytest.mark.parametrize(
    ("method", "body"),
    [("PATCH", {"email": "owner@example.com", "primary": True}), ("DELETE", {"email": "owner@example.com"})],
)
def test_there_is_one_address_and_it_can_be_neither_taken_away_nor_chosen(owner, token, method, body):
    assert call(method, "account/email", body, token=token).status_code == 405
    assert addresses() == {("owner@example.com", True, True)}


def test_somebody_elses_address_is_not_to_be_had(owner, token):
    victim = make_fan(email="victim@example.com", password=PASSWORD)
    EmailAddress.objects.create(user=victim, email=victim.email, verified=True, primary=True)

    refused = call("POST", "account/email", {"email": "VICTIM@example.com", "password": PASSWORD}, token=token)

    assert codes_of(refused) == {("email", "email_taken")}
    assert mail.outbox == []


def test_asking_for_an_address_takes_it_from_nobody(token):
    call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token)

    assert sign_up(NEW).status_code == 200
    EmailAddress.objects.filter(email=NEW).update(verified=True)

    late = call("POST", "auth/email/verify", {"key": code_to(NEW)}, token=token)
    assert codes_of(late) == {("key", "email_taken")}
    assert User.objects.count() == 2


def test_who_reads_its_mail_gets_it_from_an_account_that_only_names_it(token):
    call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token)
    squatter = token_of(sign_up(NEW, "squatters' pass 5"))

    assert call("POST", "auth/email/verify", {"key": code_to(NEW)}, token=token).status_code == 200

    assert User.objects.get().email == NEW
    assert not is_in(squatter)


def test_by_page_too_its_reader_gets_it_from_an_account_that_only_names_it(owner, settings):
    settings.VERIFY_ADDRESSES = True
    sign_up(NEW)
    browser = Client()
    browser.force_login(owner)

    asked = browser.post(ADDRESS, {"email": NEW, "password": PASSWORD})
    browser.post(CODE_PAGE, {"code": code_to(NEW)})

    assert asked.status_code == 302
    assert list(User.objects.values_list("pk", "email")) == [(owner.pk, NEW)]


def test_whose_account_went_with_its_address_is_told_that_it_is_taken(owner):
    gone = make_fan(email=NEW)
    User.objects.filter(pk=gone.pk).delete()

    with pytest.raises(EmailTaken):
        claim_address(gone, NEW)


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_want_one_address_at_once_one_gets_it(settings):
    settings.THROTTLE = False
    browsers = []
    for nth in range(8):
        fan = make_fan(email=f"eight{nth}@example.com", password=PASSWORD)
        browsers.append(browser := Client())
        browser.force_login(fan)
        browser.post(ADDRESS, {"email": NEW, "password": PASSWORD})
    codes = [code_in(each.body) for each in mail.outbox if each.to == [NEW]]

    at_once([partial(browser.post, CODE_PAGE, {"code": code}) for browser, code in zip(browsers, codes, strict=True)])

    assert User.objects.filter(email=NEW).count() == 1
    assert User.objects.filter(email__startswith="eight").count() == 7
    assert EmailAddress.objects.filter(email=NEW, verified=True, user__email=NEW).count() == 1


def test_a_code_is_guessed_three_times(token):
    call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token)
    code = code_to(NEW)

    for _ in range(3):
        assert call("POST", "auth/email/verify", {"key": "AAAA-AAAA"}, token=token).status_code == 400

    assert call("POST", "auth/email/verify", {"key": code}, token=token).status_code == 409
    assert User.objects.get().email == "owner@example.com"


def test_a_code_for_a_new_password_dies_with_the_address_it_was_sent_to(owner, token):
    asked = post("auth/password/request", {"email": owner.email})
    thief, code = asked.json()["meta"]["session_token"], code_to(owner.email)
    call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token)
    call("POST", "auth/email/verify", {"key": code_to(NEW)}, token=token)

    late = post("auth/password/reset", {"key": code, "password": "thieves' delight 7"}, **{"X-Session-Token": thief})

    assert late.status_code == 409
    assert log_in(NEW).status_code == 200


def test_by_page_too_a_code_for_a_new_password_dies_with_its_address(owner):
    thief = Client()
    thief.post("/accounts/password/reset/", {"email": owner.email})
    thief.post("/accounts/password/reset/confirm/", {"code": code_to(owner.email)})
    User.objects.filter(pk=owner.pk).update(email=NEW)

    late = thief.post("/accounts/password/reset/complete/", {"password1": "thieves' 7 x", "password2": "thieves' 7 x"})

    assert (late.status_code, late["Location"]) == (302, "/accounts/password/reset/")
    assert User.objects.get().check_password(PASSWORD)


def test_who_has_no_password_must_have_logged_in_just_now():
    fan = make_fan(email="social@example.com")
    browser = Client()
    browser.force_login(fan)

    refused = browser.post(ADDRESS, {"email": NEW})

    assert refused["Location"].startswith("/accounts/login/")
    assert browser.get("/accounts/profile/").status_code == 302
    assert mail.outbox == []


def test_the_third_wrong_code_for_another_address_leads_back_to_asking_for_it(owner):
    browser = Client()
    browser.force_login(owner)
    browser.post(ADDRESS, {"email": NEW, "password": PASSWORD})

    answers = [browser.post(CODE_PAGE, {"code": "AAAA-BBBB"}, follow=True) for _ in range(3)]

    assert answers[2].redirect_chain == [(ADDRESS, 302)]
    assert "Too many wrong codes" in answers[2].content.decode()


# --- Confirming it -----------------------------------------------------------------------------


@pytest.fixture
def demanded(settings):
    """A house that wants every address confirmed, as production does."""
    settings.VERIFY_ADDRESSES = True


def charge(token):
    headers = bearer(token) | {"Idempotency-Key": "one"}
    return Client().post("/api/v1/wallet/charges/", {"amount": 1000}, content_type="application/json", headers=headers)


@pytest.mark.usefixtures("demanded")
class TestDemanded:
    def test_an_app_confirms_it_and_its_token_is_as_good_as_a_new_one(self):
        signed_up = sign_up("fan@example.com")
        token = token_of(signed_up)
        refused = charge(token)
        assert refused.status_code == 403
        assert refused.json()["errors"][0]["code"] == "address_unverified"

        done = call("POST", "auth/email/verify", {"key": code_to("fan@example.com")}, token=token)

        assert done.status_code == 200
        assert addresses() == {("fan@example.com", True, True)}
        assert charge(token).status_code == 201
        assert charge(token_of(done)).status_code == 200

    def test_the_address_stands_once_in_the_list_and_the_one_to_come_beside_it(self):
        token = token_of(sign_up("fan@example.com"))
        assert listed(token) == [("fan@example.com", False, True)]

        call("POST", "account/email", {"email": NEW, "password": PASSWORD}, token=token)

        assert listed(token) == [("fan@example.com", False, True), (NEW, False, False)]

    def test_who_logs_in_later_asks_for_another_code(self):
        sign_up("fan@example.com")
        mail.outbox.clear()
        token = token_of(log_in("fan@example.com"))
        assert mail.outbox == []

        assert call("PUT", "account/email", {"email": "fan@example.com"}, token=token).status_code == 200
        first = code_to("fan@example.com")
        assert call("POST", "auth/email/verify/resend", token=token).status_code == 200
        second = code_to("fan@example.com")

        assert call("POST", "auth/email/verify", {"key": first}, token=token).status_code == 400
        assert call("POST", "auth/email/verify", {"key": second}, token=token).status_code == 200

    def test_a_page_leads_to_the_code_and_back(self):
        browser = Client()
        browser.post("/accounts/signup/", {"email": "fan@example.com", "password1": PASSWORD})

        led = browser.post("/wallet/top-up/", {"amount": 1000, "next": "/bookings/", "key": "k"})
        assert led["Location"] == f"{CODE_PAGE}?next=/bookings/"
        assert 'value="/bookings/"' in browser.get(led["Location"]).content.decode()
        done = browser.post(CODE_PAGE, {"code": code_to("fan@example.com"), "next": "/bookings/"})

        assert done["Location"] == "/bookings/"
        assert browser.post("/wallet/top-up/", {"amount": 1000, "key": "k"})["Location"].startswith("/sandbox/")

    def test_a_sign_up_by_page_leads_to_the_code_and_onward(self):
        browser = Client()
        form = {"email": "fan@example.com", "password1": PASSWORD, "next": "/wallet/"}

        led = browser.post("/accounts/signup/", form)["Location"]

        assert led == f"{CODE_PAGE}?next=/wallet/"
        assert 'href="/wallet/"' in browser.get(led).content.decode().partition("<main")[2]

    def test_the_third_wrong_code_says_that_another_one_is_needed(self):
        browser = Client()
        browser.post("/accounts/signup/", {"email": "fan@example.com", "password1": PASSWORD})

        answers = [browser.post(CODE_PAGE, {"code": "AAAA-BBBB"}, follow=True) for _ in range(3)]
        pages = [answer.content.decode() for answer in answers]

        assert ["Too many wrong codes" in page for page in pages] == [False, False, True]
        assert 'name="code"' not in pages[2]

    def test_a_reset_makes_the_reader_of_its_mail_the_owner(self):
        squatter = token_of(sign_up("owner@example.com", "squatters' pass 5"))
        asked = post("auth/password/request", {"email": "owner@example.com"})
        code = code_to("owner@example.com")

        session = {"X-Session-Token": asked.json()["meta"]["session_token"]}
        post("auth/password/reset", {"key": code, "password": PASSWORD}, **session)

        assert addresses() == {("owner@example.com", True, True)}
        assert not is_in(squatter)
        assert charge(token_of(log_in("owner@example.com"))).status_code == 201

    def test_a_confirmed_address_is_nobody_elses_to_sign_up_with(self, owner):
        assert codes_of(sign_up(owner.email)) == {("email", "email_taken")}

    def test_an_account_with_a_past_keeps_its_address(self):
        from wallet.tests.factories import make_fan as make_fan_with_money

        make_fan_with_money(email="rich@example.com", balance=5)

        assert codes_of(sign_up("rich@example.com")) == {("email", "email_taken")}
        assert User.objects.count() == 1

    def test_who_is_confirmed_costs_no_query(self, owner, django_assert_num_queries):
        token = token_of(log_in(owner.email))
        charge(token)

        with django_assert_num_queries(2):  # the top-up of this key, and its line of the ledger
            assert charge(token).status_code == 200

    def test_a_mail_server_that_is_away_keeps_nobody_from_signing_up(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

        assert sign_up("fan@example.com").status_code == 200


def test_where_it_is_not_demanded_nobody_waits_for_a_mail():
    token = token_of(sign_up("fan@example.com"))

    assert mail.outbox == []
    assert charge(token).status_code == 201


# --- What can be one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email",
    [
        "a@localhost",
        "a@bare",
        "a@[127.0.0.1]",
        "a@[::1]",
        "a@127.0.0.1",
        "a@printer.local",
        "a@x.invalid",
        ".a@example.com",
        "a..b@example.com",
        "a@-example.com",
        "a@example..com",
        "a@example.com.",
        "a\0@example.com",
        "a\n@example.com",
        "a@exam\0ple.com",
        "a@ex\u2028ample.com",
        '"a\x01b"@example.com',
        '"a b"@example.com',
        "\u017fa@example.com",
        "a\u0131@example.com",
        "a@\u0627a.com",
        "a@xn--a.com",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.com",
        f"a@{'b.' * 130}com",
        "a@" + "\u00fc." * 35 + "com",
    ],
)
def test_an_address_that_nobody_can_receive_at_is_none(email):
    with pytest.raises(ValidationError):
        receivable_address(email)


@pytest.mark.parametrize("email", ["a@[127.0.0.1]", "a@printer.local", "a\0@example.com"])
def test_such_an_address_is_refused_at_its_field_by_every_form(owner, token, email):
    changed = call("POST", "account/email", {"email": email, "password": PASSWORD}, token=token)
    page = Client().post("/accounts/signup/", {"email": email, "password1": PASSWORD})

    assert {param for param, _code in codes_of(sign_up(email))} == {"email"}
    assert {param for param, _code in codes_of(changed)} == {"email"}
    assert list(page.context["form"].errors) == ["email"]
    assert User.objects.count() == 1


# --- What of allauth is there ------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["account/phone", "auth/phone/verify", "auth/code/confirm", "auth/code/request", "auth/2fa/trust",
     "auth/provider/redirect", "nothing", ""],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_addresses_of_allauth_that_are_not_offered_are_404(token, path, method):
    assert call(method, path, token=token).status_code == 404
    assert Client().generic(method, f"/_allauth/browser/v1/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "confirm-email/",
        "confirm-email/abc/",
        "login/code/confirm/",
        "phone/verify/",
        "2fa/trust/",
        "google/login/",
        "naver/login/callback/",
    ],
)
def test_pages_that_are_not_offered_are_not_there(path):
    assert Client().get(f"/accounts/{path}").status_code == 404


# --- Passwords are what was typed --------------------------------------------------------------

ODD = [
    "  blanks around  ",
    "caf\u00e9 caf\u00e9 7",
    "cafe\u0301 cafe\u0301 7",
    "\u1112\u1161\u11ab\uae00 12345",
    "x" * 4096,
]
# Who cuts, strips or composes any of it changes the whole.
ALL_AT_ONCE = "  " + "".join(ODD[1:4]).ljust(4092, "x") + "  "


def set_by_api_sign_up(password):
    return sign_up("odd@example.com", password)


def set_by_page_sign_up(password):
    return Client().post("/accounts/signup/", {"email": "odd@example.com", "password1": password})


def set_by_api_change(password):
    token = token_of(sign_up("odd@example.com"))
    words = {"current_password": PASSWORD, "new_password": password}
    return call("POST", "account/password/change", words, token=token)


def set_by_page_change(password):
    browser = Client()
    browser.post("/accounts/signup/", {"email": "odd@example.com", "password1": PASSWORD})
    words = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    return browser.post("/accounts/password/change/", words)


def set_by_api_reset(password):
    sign_up("odd@example.com")
    session = post("auth/password/request", {"email": "odd@example.com"}).json()["meta"]["session_token"]
    words = {"key": code_to("odd@example.com"), "password": password}
    return post("auth/password/reset", words, **{"X-Session-Token": session})


def set_by_page_reset(password):
    sign_up("odd@example.com")
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": "odd@example.com"})
    browser.post("/accounts/password/reset/confirm/", {"code": code_to("odd@example.com")})
    return browser.post("/accounts/password/reset/complete/", {"password1": password, "password2": password})


def set_by_staff(password):
    fan = make_fan(email="odd@example.com", password=PASSWORD)
    browser = Client()
    browser.force_login(make_staff())
    return browser.post(f"/admin/accounts/user/{fan.pk}/password/", {"password1": password, "password2": password})


@pytest.mark.parametrize(
    "set_password",
    [set_by_api_sign_up, set_by_page_sign_up, set_by_api_change, set_by_page_change, set_by_api_reset,
     set_by_page_reset, set_by_staff],
)  # fmt: skip
def test_a_password_is_the_same_bytes_by_every_form(set_password, settings):
    settings.THROTTLE = False
    password = ALL_AT_ONCE
    set_password(password)

    assert User.objects.get(email="odd@example.com").check_password(password)
    assert log_in("odd@example.com", password).status_code == 200
    page = Client().post("/accounts/login/", {"login": "odd@example.com", "password": password})
    assert page.status_code == 302
    again = call(
        "POST", "auth/reauthenticate", {"password": password}, token=token_of(log_in("odd@example.com", password))
    )
    assert again.status_code == 200


@pytest.mark.parametrize(("one", "other"), [(ODD[0], ODD[0].strip()), (ODD[1], ODD[2])])
def test_passwords_that_only_look_alike_are_two(one, other):
    sign_up("odd@example.com", one)

    assert log_in("odd@example.com", other).status_code == 400
    page = Client().post("/accounts/login/", {"login": "odd@example.com", "password": other})
    assert page.status_code == 200


def test_a_password_with_a_zero_byte_is_refused_by_every_form():
    assert {param for param, _code in codes_of(sign_up("odd@example.com", "zero \0 byte"))} == {"password"}
    page = Client().post("/accounts/signup/", {"email": "odd@example.com", "password1": "zero \0 byte"})
    assert list(page.context["form"].errors) == ["password1"]
