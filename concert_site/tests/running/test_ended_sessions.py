"""Ending sessions of a site with two web processes: nothing that was ended gets in at either, whatever Redis does."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from redis import Redis

from concert_site.accounts.revocations import LEASE_SECONDS
from concert_site.tests.up_process import Up

PASSWORD = "correct horse 9"
AUTH = "/_allauth/app/v1/auth"
WALLET = "/api/v1/wallet/"
# Two processes, two who ask, each a hundred times a second.
ASKERS, REST_SECONDS = 2, 0.01
# Enough that both processes are asked, on a connection of its own each time.
LOOKS = 12


@pytest.fixture
def redis(up):
    with Redis(unix_socket_path=redis_socket(up)) as client:
        yield client


@pytest.fixture
def frozen_redis(up):
    """Takes connections and says nothing, until the test lets it go on."""
    pid = up.pids()["redis"]
    yield lambda is_frozen: os.kill(pid, signal.SIGSTOP if is_frozen else signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)


def redis_socket(up):
    from concert_site.embedded import redis as embedded
    from concert_site.embedded.data_dir import DataDir

    return str(embedded.socket_path(DataDir(up.data_dir)))


def ask(up, method, path, body=None, **headers):
    """One request on a connection of its own; its status and JSON."""
    connection = HTTPConnection("127.0.0.1", up.port, timeout=20)
    sent = json.dumps(body) if body is not None else None
    connection.request(method, path, sent, {"Content-Type": "application/json"} | headers)
    with connection.getresponse() as response:
        status, text = response.status, response.read()
    connection.close()
    return status, json.loads(text) if text else {}


def bearer(meta):
    return {"Authorization": f"Bearer {meta['access_token']}"}


def sign_up(up):
    """A new fan's address, and the tokens of the first session."""
    email = f"fan{time.monotonic_ns()}@example.com"
    status, answer = ask(up, "POST", f"{AUTH}/signup", {"email": email, "password": PASSWORD})
    assert status == 200, answer
    return email, answer["meta"]


def log_in(up, email):
    status, answer = ask(up, "POST", f"{AUTH}/login", {"email": email, "password": PASSWORD})
    assert status == 200, answer
    return answer["meta"]


def refresh(up, meta):
    return ask(up, "POST", "/_allauth/app/v1/tokens/refresh", {"refresh_token": meta["refresh_token"]})


def looks(up, meta):
    """What several requests with this access token hear."""
    return {ask(up, "GET", WALLET, **bearer(meta))[0] for _ in range(LOOKS)}


class Hammer:
    """Asks with an access token all the time, and notes when each request began and what it heard."""

    def __init__(self, up: Up, meta: dict[str, str]) -> None:
        self.up, self.meta = up, meta
        self.heard: list[tuple[float, int]] = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.ask_on) for _ in range(ASKERS)]

    def ask_on(self) -> None:
        while not self.is_over.is_set():
            began = time.monotonic()
            self.heard.append((began, ask(self.up, "GET", WALLET, **bearer(self.meta))[0]))
            time.sleep(REST_SECONDS)

    def during(self, step: Callable[[], object]) -> tuple[set[int], set[int]]:
        """What was heard before a step and by whatever began after it."""
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        step()
        ended = time.monotonic()
        time.sleep(1.5)
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        before = {status for at, status in self.heard if at < began - 0.2}
        return before, {status for at, status in self.heard if at > ended}


def log_out_everywhere(up, meta):
    """As an app does it: all sessions it can see."""
    _, listed = ask(up, "GET", f"{AUTH}/sessions", **bearer(meta))
    ids = [one["id"] for one in listed["data"]]
    assert ask(up, "DELETE", f"{AUTH}/sessions", {"sessions": ids}, **bearer(meta))[0] == 401
    return ids


def test_no_request_gets_in_after_the_answer_to_a_logout(up):
    _, phone = sign_up(up)

    before, after = Hammer(up, phone).during(lambda: ask(up, "DELETE", f"{AUTH}/session", **bearer(phone)))

    assert (before, after) == ({200}, {401})


def test_logging_out_everywhere_ends_every_session_of_the_account_and_no_other(up):
    email, phone = sign_up(up)
    tablet = log_in(up, email)
    _, stranger = sign_up(up)

    before, after = Hammer(up, tablet).during(lambda: log_out_everywhere(up, phone))

    assert (before, after) == ({200}, {401})
    assert looks(up, phone) == {401}
    assert looks(up, stranger) == {200}
    assert [refresh(up, one)[0] for one in (phone, tablet)] == [400, 400]


def test_a_changed_password_answers_with_tokens_that_work_at_both_processes(up):
    email, phone = sign_up(up)
    tablet = log_in(up, email)

    words = {"current_password": PASSWORD, "new_password": "another horse 10"}
    status, answer = ask(up, "POST", "/_allauth/app/v1/account/password/change", words, **bearer(phone))

    assert status == 200
    assert looks(up, answer["meta"]) == {200}
    assert looks(up, phone) == looks(up, tablet) == {401}


def test_a_logout_while_redis_says_nothing_ends_the_session_for_good(up, frozen_redis):
    _, phone = sign_up(up)
    _, stranger = sign_up(up)
    assert looks(up, phone) == {200}

    frozen_redis(True)
    before, after = Hammer(up, phone).during(lambda: ask(up, "DELETE", f"{AUTH}/session", **bearer(phone)))
    # Who was not logged out goes on.
    assert looks(up, stranger) == {200}
    frozen_redis(False)

    assert 401 not in before
    assert after == {401}
    assert looks(up, phone) == {401}
    assert refresh(up, phone)[0] == 400


def test_a_process_that_slept_through_it_all_lets_nothing_in(up, frozen_redis):
    """Nobody asks while Redis is away: no process has noticed that it was."""
    _, phone = sign_up(up)
    assert looks(up, phone) == {200}

    frozen_redis(True)
    ask(up, "DELETE", f"{AUTH}/session", **bearer(phone))
    frozen_redis(False)

    assert looks(up, phone) == {401}


def test_an_emptied_redis_brings_nothing_back(up, redis):
    _, phone = sign_up(up)
    ask(up, "DELETE", f"{AUTH}/session", **bearer(phone))

    redis.flushall()

    assert looks(up, phone) == {401}


def test_a_redis_with_an_older_state_brings_nothing_back(up, redis):
    _, phone = sign_up(up)
    assert looks(up, phone) == {200}
    older = {key: redis.dump(key) for key in redis.scan_iter()}
    ask(up, "DELETE", f"{AUTH}/session", **bearer(phone))

    for key, state in older.items():
        redis.restore(key, 0, state, replace=True)

    time.sleep(LEASE_SECONDS)
    assert looks(up, phone) == {401}


def test_a_killed_redis_brings_nothing_back(up):
    _, phone = sign_up(up)
    assert looks(up, phone) == {200}

    os.kill(up.pids()["redis"], signal.SIGKILL)
    ask(up, "DELETE", f"{AUTH}/session", **bearer(phone))

    assert looks(up, phone) == {401}


def test_of_two_who_refresh_at_once_neither_goes_on(up):
    for _ in range(5):
        _, phone = sign_up(up)
        with ThreadPoolExecutor(2) as pool:
            heard = [one.result() for one in [pool.submit(refresh, up, phone) for _ in range(2)]]

        assert sorted(status for status, _ in heard) == [200, 400]
        winner = next(answer["data"] for status, answer in heard if status == 200)
        assert looks(up, phone) == looks(up, winner) == {401}
        assert refresh(up, winner)[0] == 400
