"""What a line of the log says: whose request it was, by numbers, and nothing that is a person's or a secret."""

import json
import logging
import re
from logging.config import DictConfigurator
from pathlib import Path
from unittest.mock import ANY

import orjson
import pytest
from celery import shared_task
from django.core.mail import EmailMessage

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tokens import create_access_token_for
from concert_site.embedded import web
from concert_site.lib import log_context
from concert_site.lib.log_context import LogContext, request_id_of
from concert_site.lib.log_format import JsonFormatter, LineFormatter, without_secrets
from concert_site.operations import task_watch
from concert_site.tests.test_metrics import answers
from reservations.tests.factories import make_schedule

OWN = re.compile(r"[0-9a-f]{32}")
PASSWORD = "correct horse battery staple"


def record(message, *args, **extra):
    made = logging.LogRecord("frontrow.test", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def lines(settings):
    """The lines that are logged, as JSON."""
    settings.LOG_REQUESTS = True
    found = []

    class Keep(logging.Handler):
        def emit(self, made):
            found.append(self.format(made))

    keep = Keep()
    keep.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(keep)
    root.setLevel(before)


@pytest.mark.parametrize("said", ["5f1c0c27", "a" * 64, "0b0e2c3e-9a55-4b0a-8f0e-2b9a3c1d4e5f", "req_1.2-3x"])
def test_the_number_of_a_proxy_is_taken(said):
    assert request_id_of(said) == said


@pytest.mark.parametrize(
    "said", [None, "", "short", "a" * 65, "fan@example.com", "two words x", "line\nbreak", "½½½½½½½½", "x" * 8 + "\n"]
)
def test_what_is_no_number_is_replaced(said):
    assert OWN.fullmatch(request_id_of(said))


@pytest.mark.django_db(transaction=True)
def test_an_answer_has_the_number_of_its_request_and_so_has_its_line(lines):
    fan, schedule = make_fan(), make_schedule()
    bearer = f"Bearer {create_access_token_for(fan.pk, seconds=60)}"
    path = f"/api/v1/schedules/{schedule.pk}/"
    said, own, wrong = answers(
        (path, {"x_request_id": "5f1c0c27", "authorization": bearer}), (path, {}), (path, {"x_request_id": "<script>"})
    )

    assert said.headers["x-request-id"] == "5f1c0c27"
    assert OWN.fullmatch(own.headers["x-request-id"])
    assert OWN.fullmatch(wrong.headers["x-request-id"])
    (line,) = [json.loads(each) for each in lines if "5f1c0c27" in each and "frontrow.request" in each]
    assert line["route"] == "/api/v1/schedules/<id:pk>/"
    assert (line["status"], line["method"], line["schedule_id"]) == (200, "GET", schedule.pk)


@pytest.mark.django_db(transaction=True)
def test_who_asked_is_in_the_line_by_number(lines):
    fan = make_fan()
    answers(("/api/v1/wallet/", {"authorization": f"Bearer {create_access_token_for(fan.pk, seconds=60)}"}))

    (line,) = [json.loads(each) for each in lines if "frontrow.request" in each]
    assert line["user_id"] == fan.pk
    assert fan.email not in "".join(lines)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path"), [("OPTIONS", "*"), ("CONNECT", "")])
def test_what_names_no_path_has_a_line_as_well(lines, method, path):
    answers((path, {"method": method, "x_request_id": "5f1c0c27"}))

    (line,) = [json.loads(each) for each in lines if "5f1c0c27" in each and "frontrow.request" in each]
    assert (line["route"], line["method"]) == ("unknown", "OPTIONS" if method == "OPTIONS" else "unknown")
    assert not any("Traceback" in each for each in lines)


@pytest.mark.django_db(transaction=True)
def test_the_page_of_an_error_has_the_number(monkeypatch, settings, lines):
    def fail(*_args, **_options):
        raise RuntimeError("no")

    monkeypatch.setattr("reservations.views.programme.render", fail, raising=False)
    monkeypatch.setattr("django.core.handlers.base.BaseHandler.resolve_request", fail)
    (page,) = answers(("/", {"x_request_id": "5f1c0c27"}))

    assert page.status == 500
    assert b"<code>5f1c0c27</code>" in page.body
    assert any("Traceback" in each and json.loads(each)["request_id"] == "5f1c0c27" for each in lines)


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_person_is_logged_of_a_failed_and_a_good_login(lines):
    fan = make_fan(password=PASSWORD)
    for password in ("wrong and secret", PASSWORD):
        body = orjson.dumps({"email": fan.email, "password": password})
        headers = {"content_type": "application/json", "content_length": str(len(body))}
        answers(("/_allauth/app/v1/auth/login", {"method": "POST", "pieces": [body], **headers}))

    assert len(lines) >= 2
    assert not [each for each in lines if fan.email in each or "secret" in each or PASSWORD in each]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("{'jane.doe+1@mail.example.com': (550, b'no')}", "***@mail.example.com"),
        ("postgresql://site:pa55@db.example/frontrow is away", "postgresql://***@db.example"),
        ("token=abcdef&x=1 password: hunter2", "x=1"),
        ("Authorization: Bearer-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "Authorization"),
        ("sk_live_51abcdefghijkl was refused", "was refused"),
    ],
)
def test_secrets_of_others_words_are_taken_out(said, left):
    for shown in (LineFormatter().format(record(said)), json.loads(JsonFormatter().format(record(said)))["message"]):
        assert left in shown
        assert not re.search("jane|pa55|abcdef|hunter2|eyJ|51abc", shown)


def test_a_log_line_without_secrets_is_left_as_it_is():
    said = "Token 5 waits for the next tick of schedule 7: lock timeout; PostgreSQL at 10.0.0.1:5432, 3 @ 4"

    assert without_secrets(said) == said


def test_a_line_for_people_ends_with_the_number():
    token = log_context.begin(LogContext("5f1c0c27"))
    shown = LineFormatter("{message}", style="{").format(record("PostgreSQL is away"))
    log_context.end(token)

    assert shown == "PostgreSQL is away [5f1c0c27]"


def test_a_line_of_json_has_a_time_a_level_and_what_goes_along():
    line = json.loads(JsonFormatter().format(record("%s of %s", 1, 2, status=503)))

    assert (line["message"], line["level"], line["logger"], line["status"]) == (
        "1 of 2",
        "WARNING",
        "frontrow.test",
        503,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])


@shared_task(name="tests.say")
def say(schedule_id):
    logging.getLogger("frontrow.test").warning("At work")
    return EmailMessage.__name__


def test_a_task_says_which_request_it_was_asked_for_by(lines):
    headers = {}
    token = log_context.begin(LogContext("5f1c0c27"))
    task_watch.pass_on_request(headers=headers)
    log_context.end(token)

    say.apply(kwargs={"schedule_id": 7}, headers=headers)

    (line,) = [json.loads(each) for each in lines if "At work" in each]
    assert (line["request_id"], line["task"], line["schedule_id"]) == ("5f1c0c27", "tests.say", 7)
    assert line["task_id"]
    assert log_context.current() is None


def test_outside_of_a_request_nothing_is_passed_on():
    headers = {}
    task_watch.pass_on_request(headers=headers)

    assert headers == {}


def test_the_web_servers_own_lines_are_objects_too(monkeypatch):
    address = web.Address("127.0.0.1", 8000)
    plain = web.web_program(address, 1).argv
    monkeypatch.setenv("LOG_FORMAT", "json")
    argv = web.web_program(address, 1).argv
    config = json.loads(Path(argv[argv.index("--log-config") + 1]).read_text())
    formatter = DictConfigurator(config).configure_formatter(config["formatters"]["generic"])

    assert "--log-config" not in plain
    assert json.loads(formatter.format(record("Spawning worker-%s", 1))) == {
        "time": ANY, "level": "WARNING", "logger": "frontrow.test", "message": "Spawning worker-1",
    }  # fmt: skip
