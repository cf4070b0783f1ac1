"""Answers on their way to the web server: files as they lie, long ones written once for all who read the same."""

from pathlib import Path

import pytest
from django.db import connection
from django.http import FileResponse, HttpResponse, StreamingHttpResponse

from concert_site.front import responses
from concert_site.front.responses import Sender
from concert_site.tests.rsgi_client import Transport

LASTING = {"ETag": '"one"', "Cache-Control": "public, max-age=86400"}


@pytest.fixture
def sender():
    # Closing an answer looks after the connection of its thread, which another test may have left open.
    connection.close()
    sender = Sender()
    yield sender
    sender.close()


def sent(sender, response, method="GET", path="/list"):
    transport = Transport([])
    sender.send(transport, method, path, response)
    return transport.answer


class CountedAnswer:
    """A long answer that counts how often it is made, and notes that it was closed."""

    def __init__(self, fails=False):
        self.made = self.closed = 0
        self.fails = fails

    def response(self, **headers):
        return StreamingHttpResponse(self, headers=headers or LASTING)

    def __iter__(self):
        self.made += 1
        yield b"one,"
        if self.fails:
            raise RuntimeError("the database went away")
        yield b"two"

    def close(self):
        self.closed += 1


def test_a_long_answer_is_made_once_for_all_who_read_this_version(sender):
    listing = CountedAnswer()

    answers = [sent(sender, listing.response()) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"one,two"] * 3
    assert (listing.made, listing.closed) == (1, 3)


def test_another_version_or_address_is_another_answer(sender):
    listing = CountedAnswer()
    sent(sender, listing.response())
    sent(sender, listing.response(**LASTING | {"ETag": '"two"'}))
    sent(sender, listing.response(), path="/another")

    assert listing.made == 3


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"Cache-Control": "public"}])
def test_what_is_not_public_or_has_no_version_is_made_for_each(sender, headers):
    listing = CountedAnswer()
    for _ in range(2):
        assert sent(sender, listing.response(**headers)).body == b"one,two"

    assert listing.made == 2


def test_an_answer_that_broke_off_is_not_kept(sender):
    with pytest.raises(RuntimeError):
        sent(sender, CountedAnswer(fails=True).response())

    assert sent(sender, CountedAnswer().response()).body == b"one,two"


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


def test_files_that_were_promised_are_closed_later(sender, monkeypatch):
    before = open_files()
    for number in range(20):
        sent(sender, CountedAnswer().response(**LASTING | {"ETag": f'"{number}"'}))
    monkeypatch.setattr(responses.time, "monotonic", lambda: float("inf"))
    sender.forget_promised()

    assert open_files() == before + responses.MOST_KEPT


def test_a_head_of_a_long_answer_makes_nothing(sender):
    listing = CountedAnswer()

    assert sent(sender, listing.response(), "HEAD").body == b""
    assert (listing.made, listing.closed) == (0, 1)


def test_a_file_is_sent_from_where_it_lies(sender, tmp_path, monkeypatch):
    file = tmp_path / "poster.svg"
    file.write_bytes(b"<svg/>")
    monkeypatch.setattr(responses, "written", None)

    assert sent(sender, FileResponse(file.open("rb"))).body == b"<svg/>"


def test_a_header_that_is_not_ascii_breaks_nothing(sender):
    """The web server would give up on it, and on the answer."""
    assert sent(sender, HttpResponse(b"x", headers={"X-Name": "Café"})).headers["x-name"] == "Caf?"
