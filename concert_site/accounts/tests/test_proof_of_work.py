"""Sign-ups: so many from a network, and each with a proof of work if the house wants one."""

import base64
import json
import re
from datetime import timedelta

import altcha
import pytest
from django.db.models import F
from django.test import Client

from concert_site.accounts import brute_force, proof_of_work
from concert_site.accounts.models import SpentProof, User
from concert_site.accounts.tests.callers import Caller
from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import PASSWORD
from concert_site.lib.attempt_limits import Limit
from concert_site.tests.away import redis_away

pytestmark = pytest.mark.django_db(transaction=True)

HOME, BOTS = "127.0.0.2", "127.0.0.66"
PAGE = "/accounts/signup/"


@pytest.fixture
def at(live_server):
    return lambda address: Caller(live_server, address)


@pytest.fixture
def demanded(settings, monkeypatch):
    """The house wants proofs, of which a test makes one in a moment."""
    settings.SIGNUP_PROOF_OF_WORK = True
    monkeypatch.setattr(proof_of_work, "LEAST_WORK", 10)
    monkeypatch.setattr(proof_of_work, "MOST_WORK", 20)


def sign_up(caller, name, proof=None, password=PASSWORD):
    headers = {} if proof is None else {"X-Proof-Of-Work": proof}
    return caller.api("auth/signup", {"email": f"{name}@example.com", "password": password}, **headers)


def payload(challenge, **solution):
    return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()


def solve(challenge):
    found = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    return payload(challenge, **found.to_dict())


def challenge_for(caller):
    return caller.ask("GET", "/_allauth/app/v1/auth/signup").json["data"]["proof_of_work"]


def code_of(answer):
    return answer.status, answer.json["errors"][0]["code"]


# --- How many ----------------------------------------------------------------------------------


def test_sixty_sign_ups_a_minute_from_one_network_and_no_more(at, monkeypatch):
    monkeypatch.setattr(brute_force, "SIGN_UPS_PER_NETWORK", (Limit("signup", 6, 60), Limit("signup-hour", 30, 3600)))
    bots = at(BOTS)

    statuses = [sign_up(bots, f"bot{nth}").status for nth in range(8)]
    refused = sign_up(bots, "bot9")

    assert statuses == [200] * 6 + [429] * 2
    assert 55 <= refused.seconds <= 60
    assert at(BOTS).form(PAGE, email="bot9@example.com", password1=PASSWORD).status == 429
    assert sign_up(at(HOME), "fan").status == 200
    assert User.objects.count() == 7


def test_the_limits_are_those_that_the_documentation_names():
    assert [(limit.most, limit.seconds) for limit in brute_force.SIGN_UPS_PER_NETWORK] == [(60, 60), (300, 3600)]


def test_a_sign_up_that_is_refused_counts_as_well(at, monkeypatch):
    monkeypatch.setattr(brute_force, "SIGN_UPS_PER_NETWORK", (Limit("signup", 3, 60),))
    make_fan(email="taken@example.com")
    bots = at(BOTS)

    assert [sign_up(bots, "taken").status for _ in range(4)] == [400] * 3 + [429]


def test_sign_ups_are_counted_while_redis_is_away(at, monkeypatch):
    monkeypatch.setattr(brute_force, "SIGN_UPS_PER_NETWORK", (Limit("signup", 3, 60),))
    with redis_away():
        assert [sign_up(at(BOTS), f"bot{nth}").status for nth in range(4)] == [200] * 3 + [429]


# --- With a proof of work ----------------------------------------------------------------------


def test_proof_of_work_is_off_by_default(at):
    assert challenge_for(at(HOME)) is None
    assert b"proof_of_work" not in at(HOME).ask("GET", PAGE).body
    assert sign_up(at(HOME), "fan").status == 200


@pytest.mark.usefixtures("demanded")
class TestDemanded:
    def test_an_app_works_once_for_each_account(self, at):
        app = at(HOME)
        proof = solve(challenge_for(app))

        assert sign_up(app, "one", proof).status == 200
        assert code_of(sign_up(app, "two", proof)) == (400, "proof_of_work_required")
        assert sign_up(app, "two", solve(challenge_for(app))).status == 200
        assert set(User.objects.values_list("email", flat=True)) == {"one@example.com", "two@example.com"}

    def test_without_a_proof_there_is_no_account(self, at):
        assert code_of(sign_up(at(HOME), "fan")) == (400, "proof_of_work_required")
        page = at(HOME).form(PAGE, email="fan@example.com", password1=PASSWORD)
        assert (page.status, b"sign-up check" in page.body) == (200, True)
        assert not User.objects.exists()

    def test_a_browser_finds_the_challenge_in_the_page(self):
        browser = Client()
        page = browser.get(PAGE).content.decode()
        (challenge,) = re.findall(r'<script id="challenge" type="application/json">(.*?)</script>', page)
        proof = solve(json.loads(challenge))

        sent = browser.post(PAGE, {"email": "fan@example.com", "password1": PASSWORD, "proof_of_work": proof})

        assert (sent.status_code, User.objects.get().email) == (302, "fan@example.com")
        assert "data-without-scripts" in page

    def test_eight_at_once_spend_one_proof_once(self, at):
        from concurrent.futures import ThreadPoolExecutor

        proof = solve(challenge_for(at(HOME)))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda nth: sign_up(at(HOME), f"fan{nth}", proof).status, range(8)))

        assert sorted(answers) == [200] + [400] * 7
        assert User.objects.count() == 1

    def test_a_spent_proof_stays_spent_while_redis_is_away(self, at):
        proof = solve(challenge_for(at(HOME)))
        assert sign_up(at(HOME), "one", proof).status == 200

        with redis_away():
            assert code_of(sign_up(at(HOME), "two", proof)) == (400, "proof_of_work_required")

    def test_a_proof_that_is_too_old_is_none(self, at, monkeypatch):
        monkeypatch.setattr(proof_of_work, "GOOD_FOR_SECONDS", -1)

        assert code_of(sign_up(at(HOME), "fan", solve(challenge_for(at(HOME))))) == (400, "proof_of_work_required")

    def test_what_was_spent_is_forgotten_once_it_is_too_old_anyway(self, at):
        sign_up(at(HOME), "one", solve(challenge_for(at(HOME))))
        SpentProof.objects.update(expired_at=F("expired_at") - timedelta(seconds=600))
        sign_up(at(HOME), "two", solve(challenge_for(at(HOME))))

        assert SpentProof.objects.count() == 1
        assert User.objects.count() == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"expiresAt": 4_000_000_000},
            {"keyPrefix": "00"},
            {"keySignature": "00"},
            {"data": {"for": "signup", "most": 1}},
            {"cost": 0},
            {"nonce": "00" * 16},
            {"expiresAt": None},
            {"expiresAt": 1e400},
            {"data": []},
            {"algorithm": "SHA-512"},
        ],
    )
    def test_a_challenge_of_ones_own_is_none(self, at, change):
        challenge = challenge_for(at(HOME))
        challenge["parameters"] |= change

        assert code_of(sign_up(at(HOME), "fan", payload(challenge, counter=0, derivedKey="00" * 32))) == (
            400,
            "proof_of_work_required",
        )

    @pytest.mark.parametrize(
        "proof",
        [
            "x",
            "e30=",
            "W10=",
            "bnVsbA==",
            "MQ==",
            "x" * 5000,
            "=",
            base64.b64encode(b'{"challenge": 1, "solution": 2}').decode(),
        ],
    )
    def test_nonsense_is_no_proof(self, at, proof):
        assert code_of(sign_up(at(HOME), "fan", proof)) == (400, "proof_of_work_required")

    @pytest.mark.parametrize("counter", [0, -1, "1", None, 2**40, 1.5])
    def test_a_wrong_solution_is_no_proof(self, at, counter):
        proof = payload(challenge_for(at(HOME)), counter=counter, derivedKey="ab" * 32)

        assert code_of(sign_up(at(HOME), "fan", proof)) == (400, "proof_of_work_required")
