"""A second factor, by page and by app: set up with the password, asked for at each login, slow to guess, good once."""

import re
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth import HASH_SESSION_KEY
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from concert_site.accounts.second_factor import MFAAdapter
from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.accounts.tests.factors import code_of, give_app, give_recovery_codes
from concert_site.accounts.tests.headless import PASSWORD, post
from concert_site.tests.away import redis_away

pytestmark = pytest.mark.django_db

INDEX, SECOND_STEP = "/accounts/2fa/", "/accounts/2fa/authenticate/"
FAN = "fan@example.com"


@pytest.fixture
def fan():
    return make_fan(email=FAN, password=PASSWORD)


def log_in(client, email=FAN, password=PASSWORD, **more):
    return client.post("/accounts/login/", {"login": email, "password": password} | more)


def is_logged_in(client):
    return client.get("/accounts/profile/").status_code == 200


def logged_in(email=FAN):
    client = Client()
    log_in(client, email)
    return client


def say_password(client, then=INDEX):
    return client.post(f"/accounts/reauthenticate/?next={then}", {"password": PASSWORD, "next": then})


def set_app_up(client):
    """Go through the page; the app's secret."""
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    return secret


# --- Setting up, by page -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["totp/activate/", "totp/deactivate/", "webauthn/add/", "recovery-codes/", "recovery-codes/generate/"],
)
def test_whoever_changes_a_factor_says_the_password_again(fan, path):
    client = logged_in()
    if path != "totp/activate/":
        give_app(fan)
        give_recovery_codes(fan)

    response = client.get(f"{INDEX}{path}")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/reauthenticate/?next=")


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_told_by_mail_and_asked_for_from_then_on(fan):
    client = logged_in()
    say_password(client)

    secret = set_app_up(client)

    assert [letter.subject for letter in mail.outbox] == ["Frontrow: Two-step verification was turned on"]
    assert mail.outbox[0].to == [FAN]
    codes = re.findall(r"<code>(\d{8})</code>", client.get(f"{INDEX}recovery-codes/").content.decode())
    assert len(set(codes)) == 10
    again = Client()
    assert log_in(again)["Location"] == SECOND_STEP
    assert not is_logged_in(again)
    assert again.post(SECOND_STEP, {"code": code_of(secret)}).status_code == 302
    assert is_logged_in(again)


def test_a_wrong_code_sets_nothing_up(fan):
    client = logged_in()
    say_password(client)
    client.get("/accounts/2fa/totp/activate/")

    response = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})

    assert response.status_code == 200
    assert not Authenticator.objects.exists()


def test_switching_the_app_off_is_told_by_mail_too(fan):
    client = logged_in()
    say_password(client)
    set_app_up(client)
    mail.outbox.clear()

    client.post("/accounts/2fa/totp/deactivate/")

    assert [letter.subject for letter in mail.outbox] == ["Frontrow: Two-step verification was turned off"]
    # Recovery codes alone are no second factor.
    assert not Authenticator.objects.exists()
    assert log_in(Client())["Location"] == "/"


def test_a_mail_server_that_is_away_undoes_nothing(fan, settings):
    client = logged_in()
    say_password(client)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    set_app_up(client)

    assert Authenticator.objects.filter(type="totp").exists()


def test_the_database_gives_no_secret_away(fan):
    secret = give_app(fan)
    (kept,) = Authenticator.objects.all()

    assert secret not in str(kept.data)
    assert MFAAdapter().decrypt(kept.data["secret"]) == secret


def test_with_another_secret_key_no_code_fits_and_recovery_needs_a_person(fan, settings):
    secret = give_app(fan)
    client = Client()
    log_in(client)
    settings.SECRET_KEY = "another secret key that is long enough, as it should be"
    client = Client()
    log_in(client)

    assert client.post(SECOND_STEP, {"code": code_of(secret)}).status_code == 200
    assert not is_logged_in(client)


def test_a_secret_key_that_was_replaced_still_reads_what_it_wrote(fan, settings):
    secret = give_app(fan)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key that is long enough, as it should be"
    client = Client()
    log_in(client)

    client.post(SECOND_STEP, {"code": code_of(secret)})

    assert is_logged_in(client)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("totp/deactivate/", "Turn off the app"),
        ("recovery-codes/generate/", "Your current codes will stop working."),
        ("reauthenticate/", "Enter the code from your authenticator app"),
    ],
)
def test_pages_of_who_has_a_factor(fan, path, said):
    client = logged_in()
    say_password(client)
    set_app_up(client)

    assert said in client.get(INDEX + path).content.decode()


def test_new_recovery_codes_take_the_place_of_the_old_ones_and_are_told_of_by_mail(
    fan, django_capture_on_commit_callbacks
):
    client = logged_in()
    say_password(client)
    set_app_up(client)
    before, mail.outbox[:] = client.get(f"{INDEX}recovery-codes/download/").content.decode(), []

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{INDEX}recovery-codes/generate/")

    codes = client.get(f"{INDEX}recovery-codes/download/").content.decode()
    assert len(re.findall(r"^\d{8}$", codes, re.MULTILINE)) == 10
    assert codes != before
    assert [letter.subject for letter in mail.outbox] == ["Frontrow: New recovery codes were created"]


def test_who_has_no_password_says_a_code_that_is_mailed(fan):
    client = logged_in()
    EmailAddress.objects.update_or_create(user=fan, email=FAN, defaults={"verified": True, "primary": True})
    fan.set_unusable_password()
    fan.save()
    session = client.session
    session[HASH_SESSION_KEY] = fan.get_session_auth_hash()
    for each in session["account_authentication_methods"]:
        each["at"] -= 3600
    session.save()

    asked = client.get(f"{INDEX}totp/activate/", follow=True)
    assert "we’ll e-mail you a code" in asked.content.decode()
    assert '<label for="id_recipient">E-mail address</label>' in asked.content.decode()
    sent = client.post(asked.request["PATH_INFO"], {"recipient": FAN, "next": f"{INDEX}totp/activate/"})
    page = client.get(sent.headers["Location"])
    assert "We sent a code to fan@example.com." in page.content.decode()
    code = re.search(r"^\s*([A-Z0-9-]{6,})\s*$", mail.outbox[-1].body, re.MULTILINE)[1]

    done = client.post(sent.headers["Location"], {"code": code})

    assert done.headers["Location"] == f"{INDEX}totp/activate/"
    assert client.get(f"{INDEX}totp/activate/").status_code == 200


# --- The second step ---------------------------------------------------------------------------


def test_a_code_is_good_for_one_login(fan):
    secret = give_app(fan)
    code = code_of(secret)
    first, second = Client(), Client()
    for client in (first, second):
        log_in(client)
        client.post(SECOND_STEP, {"code": code})

    assert is_logged_in(first)
    assert not is_logged_in(second)


def test_a_code_is_good_for_one_login_while_redis_is_away_too(fan):
    secret = give_app(fan)
    with redis_away():
        code = code_of(secret)
        first, second = Client(), Client()
        for client in (first, second):
            log_in(client)
            client.post(SECOND_STEP, {"code": code})
        entered = is_logged_in(first), is_logged_in(second)

    assert entered == (True, False)


def test_a_code_from_before_the_last_one_that_was_used_is_refused(fan):
    secret = give_app(fan)
    earlier, code = code_of(secret), code_of(secret, 1)
    for sent, is_right in ((code, True), (earlier, False)):
        client = Client()
        log_in(client)
        client.post(SECOND_STEP, {"code": sent})
        assert is_logged_in(client) is is_right


def test_a_recovery_code_is_good_once(fan):
    give_app(fan)
    code = give_recovery_codes(fan)[3]
    for is_right in (True, False):
        client = Client()
        log_in(client)
        client.post(SECOND_STEP, {"code": code})
        assert is_logged_in(client) is is_right


def test_five_wrong_codes_and_the_right_one_waits_too(fan):
    secret = give_app(fan)
    client = Client()
    log_in(client)
    statuses = [client.post(SECOND_STEP, {"code": f"00000{nth}"}).status_code for nth in range(6)]

    response = client.post(SECOND_STEP, {"code": code_of(secret)})

    assert statuses == [200] * 5 + [429]
    assert (response.status_code, 290 <= int(response["Retry-After"]) <= 300) == (429, True)


def test_who_knows_the_password_alone_shuts_the_owner_out_by_no_wrong_codes(fan):
    secret = give_app(fan)
    owner = Client()
    log_in(owner)
    owner.post(SECOND_STEP, {"code": code_of(secret)})
    owner.post("/accounts/logout/")
    thief = Client(REMOTE_ADDR="192.0.2.66")
    log_in(thief)
    for nth in range(7):
        thief.post(SECOND_STEP, {"code": f"00000{nth}"})

    log_in(owner)
    owner.post(SECOND_STEP, {"code": code_of(secret, 1)})

    assert thief.post(SECOND_STEP, {"code": code_of(secret, 2)}).status_code == 429
    assert is_logged_in(owner)


def test_the_second_step_alone_is_no_login(fan):
    assert Client().get(SECOND_STEP)["Location"] == "/accounts/login/"
    assert Client().post(SECOND_STEP, {"code": "000000"})["Location"] == "/accounts/login/"


def test_a_session_from_before_the_second_step_reads_nothing(fan):
    give_app(fan)
    client = Client()
    log_in(client)

    assert client.get("/wallet/").status_code == 302
    assert client.get("/api/v1/wallet/").status_code in (401, 403)


# --- By app ------------------------------------------------------------------------------------


def bearer(meta):
    return {"authorization": f"Bearer {meta['access_token']}"}


def app(method, path, body=None, **headers):
    kwargs = {"data": body, "content_type": "application/json"} if body is not None else {}
    return getattr(Client(), method)(f"/_allauth/app/v1/{path}", headers=headers, **kwargs)


def test_an_app_sets_it_up_and_logs_in_with_it(fan):
    token = bearer(post("auth/login", {"email": FAN, "password": PASSWORD}).json()["meta"])
    missing = app("get", "account/authenticators/totp", **token)
    secret = missing.json()["meta"]["secret"]
    assert missing.status_code == 404

    refused = app("post", "account/authenticators/totp", {"code": code_of(secret)}, **token)
    app("post", "auth/reauthenticate", {"password": PASSWORD}, **token)
    made = app("post", "account/authenticators/totp", {"code": code_of(secret)}, **token)
    codes = app("get", "account/authenticators/recovery-codes", **token).json()["data"]["unused_codes"]

    assert (refused.status_code, made.status_code, len(codes)) == (401, 200, 10)
    first = post("auth/login", {"email": FAN, "password": PASSWORD})
    assert first.status_code == 401
    assert "access_token" not in first.json()["meta"]
    pending = [flow["id"] for flow in first.json()["data"]["flows"] if flow.get("is_pending")]
    assert "mfa_authenticate" in pending
    session = {"x-session-token": first.json()["meta"]["session_token"]}
    second = app("post", "auth/2fa/authenticate", {"code": code_of(secret)}, **session)
    assert second.status_code == 200
    assert second.json()["meta"]["access_token"]
    assert second.json()["meta"]["device_token"]


def test_an_app_guesses_codes_as_slowly(fan):
    give_app(fan)
    first = post("auth/login", {"email": FAN, "password": PASSWORD})
    session = {"x-session-token": first.json()["meta"]["session_token"]}

    answers = [app("post", "auth/2fa/authenticate", {"code": f"00000{nth}"}, **session) for nth in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert answers[-1].json()["errors"][0]["code"] == "too_many_login_attempts"
    assert int(answers[-1]["Retry-After"]) > 290


def test_no_device_is_known_before_the_second_step(fan):
    give_app(fan)
    first = post("auth/login", {"email": FAN, "password": PASSWORD})
    browser = Client()
    log_in(browser)

    assert "device_token" not in first.json()["meta"]
    assert "device" not in browser.cookies


# --- Passkeys: what a browser is told, and what is refused -------------------------------------


def test_a_browser_is_told_what_to_ask_for(fan):
    client = logged_in()
    say_password(client)

    page = client.get("/accounts/2fa/webauthn/add/").content.decode()
    asked = Client().get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"}).json()

    assert 'id="passkey-options" type="application/json"' in page
    assert '"challenge"' in page
    assert "js/passkeys" in page
    assert asked["request_options"]["publicKey"]["userVerification"] == "required"


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "{}",
        "[]",
        "null",
        "5",
        '"x"',
        '{"id": "x"}',
        '{"id": "", "rawId": "", "type": "public-key", "response": {}}',
        '{"response": {"userHandle": "x"}}',
    ],
)
def test_a_nonsense_passkey_logs_nobody_in(fan, credential):
    client = Client(raise_request_exception=False)
    client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})

    by_page = client.post("/accounts/2fa/webauthn/login/", {"credential": credential})
    body = f'{{"credential": {credential or "null"}}}'
    by_app = Client(raise_request_exception=False).post(
        "/_allauth/app/v1/auth/webauthn/login", body, content_type="application/json"
    )

    assert by_page.status_code == 302
    assert by_app.status_code == 400
    assert not is_logged_in(client)


# --- A lost factor -----------------------------------------------------------------------------


def test_a_superuser_takes_a_lost_factor_away_and_it_is_logged(fan):
    give_app(fan)
    theirs = Client()
    theirs.force_login(fan)
    boss = make_staff()
    client = Client()
    client.force_login(boss)

    client.post("/admin/accounts/user/", {"action": "remove_second_factor", "_selected_action": [fan.pk]})

    assert not Authenticator.objects.exists()
    entry = fan.logentry_set.model.objects.get(object_id=str(fan.pk))
    assert (entry.user, entry.get_change_message()) == (boss, "Second factor removed.")
    # Whoever has found the phone may be logged in with it.
    assert not is_logged_in(theirs)


def test_a_clerk_takes_nobodys_factor_away(fan):
    give_app(fan)
    client = Client()
    client.force_login(make_clerk("change_user", "view_user"))

    client.post("/admin/accounts/user/", {"action": "remove_second_factor", "_selected_action": [fan.pk]})

    assert Authenticator.objects.count() == 1


def test_the_command_takes_a_lost_factor_away(fan, caplog):
    give_app(fan)
    give_recovery_codes(fan)

    call_command("reset_second_factor", "FAN@example.com", stdout=StringIO())

    assert not Authenticator.objects.exists()
    assert "The second factor of fan@example.com was taken away by a command." in caplog.text


@pytest.mark.parametrize("email", ["nobody@example.com", FAN])
def test_the_command_says_so_if_there_is_nothing_to_take(fan, email):
    with pytest.raises(CommandError):
        call_command("reset_second_factor", email)


# --- Staff -------------------------------------------------------------------------------------


@pytest.fixture
def demanded(settings):
    settings.STAFF_SECOND_FACTOR = True


@pytest.fixture
def staff():
    return make_staff(email="staff@example.com", password=PASSWORD)


@pytest.mark.usefixtures("demanded")
class TestDemandedOfStaff:
    @pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/password_change/"])
    def test_without_one_every_page_leads_to_setting_one_up(self, staff, path):
        client = logged_in(staff.email)

        first = client.get(path)
        second = client.get(first["Location"])

        assert (first.status_code, second.status_code, second["Location"]) == (302, 302, INDEX)
        assert "Staff need two-step verification." in client.get(INDEX).content.decode()

    def test_staff_without_a_second_factor_can_do_nothing(self, staff, fan):
        client = logged_in(staff.email)

        client.post("/admin/accounts/user/", {"action": "deactivate", "_selected_action": [fan.pk]})

        fan.refresh_from_db()
        assert fan.is_active

    @pytest.mark.django_db(transaction=True)
    def test_staff_who_set_up_a_second_factor_go_on_at_once(self, staff):
        client = logged_in(staff.email)
        say_password(client)
        set_app_up(client)

        assert client.get("/admin/").status_code == 200

    def test_a_session_from_before_is_asked_for_the_code(self, staff):
        old, new = logged_in(staff.email), logged_in(staff.email)
        say_password(new)
        secret = set_app_up(new)
        asked = old.get(old.get("/admin/")["Location"])

        assert asked["Location"] == "/accounts/2fa/reauthenticate/?next=/admin/"
        done = old.post(asked["Location"], {"code": code_of(secret, 1), "next": "/admin/"})
        assert (done.status_code, done["Location"]) == (302, "/admin/")
        assert old.get("/admin/").status_code == 200

    def test_a_login_leads_through_the_second_step_into_the_admin(self, staff):
        secret = give_app(staff)
        client = Client()
        log_in(client, staff.email, next="/admin/")
        assert client.get("/admin/").status_code == 302

        done = client.post(SECOND_STEP, {"code": code_of(secret)})

        assert done["Location"] == "/admin/"
        assert client.get("/admin/").status_code == 200

    def test_the_session_of_an_app_opens_no_admin(self, staff):
        meta = post("auth/login", {"email": staff.email, "password": PASSWORD}).json()["meta"]
        give_app(staff)
        client = Client()
        client.cookies["sessionid"] = meta.get("session_token", "")
        by_token = Client().get("/admin/", headers=bearer(meta))

        assert client.get("/admin/").status_code == 302
        assert by_token.status_code == 302

    def test_a_removed_second_factor_counts_no_more(self, staff):
        secret = give_app(staff)
        client = Client()
        log_in(client, staff.email)
        client.post(SECOND_STEP, {"code": code_of(secret)})
        assert client.get("/admin/").status_code == 200

        Authenticator.objects.all().delete()

        assert client.get("/admin/").status_code == 302

    def test_somebody_elses_factor_in_the_same_browser_counts_for_nobody(self, staff):
        other = make_staff(email="other@example.com", password=PASSWORD)
        secret = give_app(other)
        client = Client()
        log_in(client, other.email)
        client.post(SECOND_STEP, {"code": code_of(secret)})
        client.force_login(staff)

        assert client.get("/admin/").status_code == 302

    def test_fans_are_asked_for_no_second_factor(self, fan):
        assert is_logged_in(logged_in())


def test_where_it_is_not_demanded_staff_go_in_by_the_password(staff):
    assert logged_in(staff.email).get("/admin/").status_code == 200


def test_who_has_one_shows_it_even_where_it_is_not_demanded(staff):
    give_app(staff)
    client = logged_in(staff.email)

    assert client.get("/admin/").status_code == 302
