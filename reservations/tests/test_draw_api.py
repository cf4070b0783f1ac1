"""The list of a draw as anybody gets it, and manage.py verify_draw on it."""

import io
import re
import subprocess
import sys
import threading
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.timezone import now

from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from queueing.api.draw_list import MOST_LISTS
from queueing.domain import draw
from queueing.verification import entry_of
from reservations.domain import waiting_room
from reservations.models import Concert, ConcertSchedule
from reservations.tests.factories import make_fan, make_schedule, make_seats

pytestmark = pytest.mark.django_db

FANS = 7


@pytest.fixture
def schedule():
    """A sale whose lobby is open."""
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=1))
    make_seats(schedule, 10)
    return schedule


@pytest.fixture
def gathered(schedule):
    """The answers to joining of all who wait in the lobby."""
    return [waiting_room.join(user_id=make_fan().pk, schedule_id=schedule.pk) for _ in range(FANS)]


def open_and_draw(schedule):
    """Time passes, and the draw is made."""
    opened = now() - timedelta(seconds=1)
    schedule.waitingtoken_set.update(created_at=opened - timedelta(seconds=1))
    ConcertSchedule.objects.filter(pk=schedule.pk).update(reservation_available_at=opened)
    clear_caches()
    client().flushdb()
    assert waiting_room.draw_line(schedule.pk)
    clear_caches()


def get(schedule, part, **headers):
    return Client().get(f"/api/v1/schedules/{schedule.pk}/{part}/", headers=headers)


def listed(schedule):
    response = get(schedule, "draw")
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def test_the_list_is_what_everybody_was_promised(schedule, gathered):
    open_and_draw(schedule)

    first, *lines = listed(schedule).decode().splitlines()

    _, seed = first.split(",")
    assert {sha256(bytes.fromhex(seed)).hexdigest()} == {place.seed_hash for place in gathered}
    entries = [sha256(str(place.token.token).encode()).hexdigest() for place in gathered]
    ranked = sorted(entries, key=lambda entry: sha256(f"{seed}:{entry}".encode()).hexdigest())
    assert lines == [f"{number},{entry}" for number, entry in enumerate(ranked, 1)]


def test_the_progress_has_the_seed_the_size_and_the_hash_of_the_list(schedule, gathered):
    hidden = get(schedule, "queue").json()["draw"]
    assert hidden == {"seed_hash": gathered[0].seed_hash, "seed": None, "entries_hash": None, "size": None}
    open_and_draw(schedule)
    waiting_room.record_draw(schedule.pk)
    clear_caches()

    shown = get(schedule, "queue").json()["draw"]

    head, lines = listed(schedule).split(b"\n", 1)
    assert shown == {
        "seed_hash": gathered[0].seed_hash,
        "seed": head.decode().removeprefix("seed,"),
        "entries_hash": sha256(lines).hexdigest(),
        "size": FANS,
    }


@pytest.mark.usefixtures("gathered")
def test_before_the_draw_there_is_no_list(schedule):
    assert get(schedule, "draw").json()["errors"][0]["code"] == "not_found"


@pytest.mark.usefixtures("gathered")
def test_the_list_of_what_is_not_public_is_not_there(schedule):
    open_and_draw(schedule)
    Concert.objects.update(status="UNAVAILABLE")

    assert [get(schedule, "draw").status_code, Client().get("/api/v1/schedules/0/draw/").status_code] == [404, 404]


@pytest.mark.usefixtures("gathered")
def test_the_list_may_be_kept_and_is_not_sent_twice(schedule):
    open_and_draw(schedule)
    response = get(schedule, "draw")
    response.close()

    again = get(schedule, "draw", if_none_match=response["ETag"])

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=86400"
    assert (again.status_code, again.content) == (304, b"")
    assert not response.cookies
    assert "Vary" not in response


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gathered")
def test_few_readers_at_a_time_and_each_makes_room_again(schedule):
    open_and_draw(schedule)
    reading = [get(schedule, "draw") for _ in range(MOST_LISTS)]

    refused = get(schedule, "draw")
    for response in reading:
        response.close()

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (503, "unavailable")
    assert refused["Retry-After"]
    assert [len(listed(schedule)) for _ in range(MOST_LISTS + 1)]


@pytest.mark.usefixtures("gathered")
def test_who_asks_for_the_head_is_no_reader(schedule):
    open_and_draw(schedule)
    whole = get(schedule, "draw")

    heads = [Client().head(f"/api/v1/schedules/{schedule.pk}/draw/") for _ in range(MOST_LISTS)]
    whole.close()

    assert [(head.status_code, head["ETag"], head.getvalue()) for head in heads] == [
        (200, whole["ETag"], b"")
    ] * MOST_LISTS


def verify(*words):
    out = io.StringIO()
    call_command("verify_draw", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def saved(schedule, gathered, tmp_path):
    """The list in a file."""
    open_and_draw(schedule)
    path = tmp_path / "draw.txt"
    path.write_bytes(listed(schedule))
    return path


def test_verify_draw_verifies_a_saved_list(saved, gathered):
    token = gathered[2].token.token

    said = verify(str(saved), "--token", str(token), "--seed-hash", gathered[0].seed_hash.upper())

    lines = saved.read_text().splitlines()
    number = next(at for at, line in enumerate(lines) if line.endswith(entry_of(token)))
    assert f"The order of all {FANS} entries follows from the seed." in said
    assert f"Token {token} drew number {number}." in said
    assert "The seed's hash is what --seed-hash says." in said


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--seed-hash", "0" * 64], "--seed-hash says"),
        (["--entries-hash", "0" * 64], "--entries-hash says"),
        (["--token", "00000000-0000-4000-8000-000000000000"], "not in the list"),
    ],
)
def test_what_does_not_hold_is_an_error(saved, words, error):
    with pytest.raises(CommandError, match=error):
        verify(str(saved), *words)


@pytest.mark.processes
def test_the_check_in_the_documentation_comes_to_the_same(saved, schedule, tmp_path):
    page = (settings.BASE_DIR / "docs" / "waiting-room.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "check.py").write_text(script)
    record = draw.record_of(schedule.pk, opens_at=ConcertSchedule.objects.get().reservation_available_at)

    run = subprocess.run([sys.executable, "check.py", saved], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert run.stdout.split()[2:] == ["entries_hash", record.entries_hash, "size", str(record.size)]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CommandError, match="can't be read"):
        verify(str(tmp_path / "nothing"))


def test_a_list_that_was_changed_is_an_error(saved):
    lines = saved.read_text().splitlines(keepends=True)
    saved.write_text("".join([*lines[:2], *lines[3:]]))

    with pytest.raises(CommandError, match=r"not what the seed makes of it\. Line 3"):
        verify(str(saved))


@pytest.fixture
def site():
    """A web server of our own on loopback that answers from a dict of paths; yields (answers, its address)."""
    answers = {}

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield answers, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published(schedule, saved, site):
    """The public answers about a draw, at an address; yields (answers, the address of the list)."""
    waiting_room.record_draw(schedule.pk)
    clear_caches()
    answers, address = site
    base = f"/api/v1/schedules/{schedule.pk}"
    answers[f"{base}/draw/"] = saved.read_bytes()
    answers[f"{base}/queue/"] = get(schedule, "queue").content
    return answers, f"{address}{base}/draw/"


def test_a_published_list_is_verified_with_what_stands_beside_it(published):
    said = verify(published[1])

    for name in ("seed_hash", "seed", "entries_hash", "size"):
        assert f"{name} is what queue/ says." in said


@pytest.mark.parametrize(("old", "new"), [(b'"size":7', b'"size":8'), (b'"entries_hash":"', b'"entries_hash":"x')])
def test_a_site_that_says_otherwise_elsewhere_is_found_out(published, old, new):
    answers, address = published
    path = next(path for path in answers if path.endswith("/queue/"))
    assert old in answers[path]
    answers[path] = answers[path].replace(old, new)

    with pytest.raises(CommandError, match="but queue/ says"):
        verify(address)


def test_a_draw_that_is_not_over_is_an_error(site):
    with pytest.raises(CommandError, match="not over yet"):
        verify(f"{site[1]}/api/v1/schedules/1/draw/")


def test_a_list_that_stands_alone_at_an_address_is_verified(site, saved):
    answers, address = site
    answers["/list.txt"] = saved.read_bytes()

    assert "follows from the seed" in verify(f"{address}/list.txt")
