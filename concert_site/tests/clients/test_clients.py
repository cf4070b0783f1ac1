"""Clients that others' tools make of the API's description book a seat on a real site, and read what it refuses."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest

from concert_site.embedded.data_dir import PROJECT

HERE = Path(__file__).parent
NODE_MODULES = PROJECT / "node_modules"
PASSWORD = "a seat in the front row"
PACKAGE = "frontrow_client"
NUMBERS = count(1)
# What either client must have met, and which field each was about.
MET = {
    "400 min_length": "seats",
    "401 not_authenticated": None,
    "402 insufficient_balance": None,
    "403 queue_token_required": None,
    "404 not_found": None,
    "409 seat_unavailable": "seats.0",
    "429 throttled": None,
}


@pytest.fixture(scope="module")
def description(up, tmp_path_factory):
    """The document as the site serves it."""
    path = tmp_path_factory.mktemp("description") / "openapi.json"
    with urlopen(f"{up.url}api/v1/schema/?format=json") as answer:
        path.write_bytes(answer.read())
    assert json.loads(path.read_text())["openapi"] == "3.1.0"
    return path


@pytest.fixture
def show(up):
    """A show that sells four seats."""
    return json.loads(up.command("make_show", "--seats=4"))


def run(*words: str, cwd: Path, seconds: float = 60) -> str:
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False, env=os.environ | {"NO_PROXY": "*"}
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


# --- Python ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(description, tmp_path_factory):
    """A package made by openapi-python-client, importable; nothing of the description may be left out of it."""
    folder = tmp_path_factory.mktemp("python")
    words = ["generate", "--path", str(description), "--output-path", str(folder / PACKAGE), "--meta", "none"]
    tool = str(Path(sys.executable).parent / "openapi-python-client")
    said = run(tool, *words, "--config", str(HERE / "python.yaml"), "--fail-on-warning", cwd=folder)
    assert "WARNING" not in said
    sys.path.insert(0, str(folder))
    importlib.import_module(PACKAGE)
    yield
    sys.path.remove(str(folder))
    for name in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def operation(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.api.{name}")


def model(name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.models"), name)


@pytest.fixture
def connect(up, package):
    """A function that makes a client of the package, with an access token if there is one."""
    with ExitStack() as connections:

        def connected(token: str | None = None) -> Any:
            made, url = importlib.import_module(PACKAGE), up.url.rstrip("/")
            client = made.AuthenticatedClient(base_url=url, token=token) if token else made.Client(base_url=url)
            connections.callback(lambda: client.get_httpx_client().close())
            return client

        yield connected


class Fan:
    """Signed up and logged in through the generated client."""

    def __init__(self, connect):
        nobody = connect()
        email = f"python-{next(NUMBERS)}@example.com"
        signed = operation("authentication_account.auth_signup_post").sync(
            client=nobody, body=model("AccountSignup")(email=email, password=PASSWORD)
        )
        assert isinstance(signed, model("AccountAuthenticatedResponse"))
        answer = operation("authentication_account.auth_login_post").sync(
            client=nobody, body=model("AccountLogin")(email=email, password=PASSWORD)
        )
        assert isinstance(answer, model("AccountAuthenticatedResponse"))
        self.client = connect(answer.meta.access_token)

    def call(self, name: str, *ids: object, **arguments: object) -> Any:
        return operation(name).sync_detailed(*ids, client=self.client, **arguments)

    def enter(self, schedule: int) -> str:
        place = self.call("schedules.schedules_queue_tokens_create", schedule).parsed
        assert isinstance(place, model("JoinOut"))
        inside = self.call("queue_tokens.queue_tokens_enter_create", place.token).parsed
        assert inside.status == model("TokenStatus").ACTIVE
        return str(place.token)

    def hold(self, schedule: int, seats: list[int], **headers: str) -> Any:
        body = model("HoldRequestRequest")(schedule=schedule, seats=seats)
        return self.call("reservations.reservations_create", body=body, **headers)

    def pay(self, reservations: list[int]) -> Any:
        return self.call("payments.payments_create", body=model("PayRequestRequest")(reservations=reservations))

    def top_up(self, amount: int, key: str) -> Any:
        body = model("ChargeRequestRequest")(amount=amount)
        return self.call("wallet.wallet_charges_create", body=body, idempotency_key=key)


@pytest.fixture
def met():
    return {}


@pytest.fixture
def note(met):
    """Note a refusal, which must be of its own class."""

    def refused(answer: Any, status: int, kind: str, code: str) -> None:
        assert (int(answer.status_code), type(answer.parsed)) == (status, model(kind)), answer.content
        error = answer.parsed.errors[0]
        assert error.code.value == code
        met[f"{status} {code}"] = error.attr

    return refused


def test_a_python_client_books_a_seat_and_reads_every_refusal(show, connect, met, note):
    fan, other = Fan(connect), Fan(connect)
    schedule, first, second = show["schedule"], *show["seats"][:2]

    nobody = SimpleNamespace(client=connect())
    note(Fan.call(nobody, "wallet.wallet_retrieve"), 401, "NotAuthenticatedRefusal", "not_authenticated")
    note(fan.hold(schedule, [first]), 403, "ReservationsCreateForbiddenRefusal", "queue_token_required")
    note(fan.call("reservations.reservations_retrieve", 999_999_999), 404, "NotFoundRefusal", "not_found")

    held = fan.hold(schedule, [first, second], x_queue_token=fan.enter(schedule))
    assert int(held.status_code) == 201
    ids = [each.id for each in held.parsed.reservations]

    token = other.enter(schedule)
    refused = other.hold(schedule, [], x_queue_token=token)
    note(refused, 400, "ReservationsCreateValidationRefusal", "min_length")
    refused = other.hold(schedule, [second], x_queue_token=token)
    note(refused, 409, "ReservationsCreateConflictRefusal", "seat_unavailable")
    note(fan.pay(ids), 402, "InsufficientBalanceRefusal", "insufficient_balance")

    assert int(fan.top_up(held.parsed.total, "python").status_code) == 201
    receipt = fan.pay(ids).parsed
    assert [payment.state.value for payment in receipt.payments] == ["COMPLETED", "COMPLETED"]
    ticket = fan.call("reservations.reservations_ticket_retrieve", ids[0])
    assert b"<svg" in ticket.parsed
    canceled = fan.call("reservations.reservations_cancel_create", ids[0])
    assert canceled.parsed.reservation.status == model("ReservationStatus").CANCELED

    answers = (fan.top_up(held.parsed.total, "python") for _ in range(40))
    throttled = next(answer for answer in answers if int(answer.status_code) == 429)
    note(throttled, 429, "ThrottledRefusal", "throttled")
    assert int(throttled.headers["Retry-After"]) >= 1
    assert met == MET


def test_a_python_client_reads_what_accounts_refuse(connect):
    nobody = connect()
    refused = operation("authentication_account.auth_login_post").sync(
        client=nobody, body=model("AccountLogin")(email="nobody@example.com", password="wrong")
    )

    assert isinstance(refused, model("AccountError"))
    assert [error.code for error in refused.errors] == ["email_password_mismatch"]


# --- TypeScript -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def types(description, tmp_path_factory):
    """The types that openapi-typescript makes of the description."""
    if not (shutil.which("node") and (NODE_MODULES / ".bin" / "tsc").exists()):
        if os.environ.get("CI"):
            pytest.fail("node_modules is missing: npm ci")
        pytest.skip("needs node and `npm ci`")
    path = tmp_path_factory.mktemp("types") / "schema.d.ts"
    run(str(NODE_MODULES / ".bin" / "openapi-typescript"), str(description), "-o", str(path), cwd=path.parent)
    return path


@pytest.fixture
def workshop(types, tmp_path):
    """A folder with the script, the types, and what both need."""
    for path in (HERE / "book.ts", HERE / "tsconfig.json", types):
        shutil.copy(path, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


def test_a_typescript_client_books_a_seat_and_reads_every_refusal(up, show, workshop):
    run(str(NODE_MODULES / ".bin" / "tsc"), "-p", ".", cwd=workshop)

    seats = [str(seat) for seat in show["seats"][:2]]
    said = run("node", "book.js", up.url.rstrip("/"), str(show["schedule"]), *seats, cwd=workshop)

    assert json.loads(said) == MET
