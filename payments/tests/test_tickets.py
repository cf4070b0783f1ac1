"""Tickets of paid seats: what they say, who can forge them, and where they are to be had."""

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from concert_site.accounts.tests.factories import api_of
from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.environment import is_without_services
from concert_site.lib.errors import Invalid, NotFound
from concert_site.tests.test_settings import Environment
from payments.domain import refunds
from payments.tests.scenes import buy, make_fan, make_paid
from reservations.models import Reservation
from reservations.queries.bookings import own_with_schedule
from reservations.queries.payment_facts import ticket_for as ticket_of_reservation
from reservations.tests.scenes import NOW, hold, in_order, make_sale
from reservations.tickets import codes, keys
from reservations.tickets.codes import Claims, Ticket, read_ticket, signed

pytestmark = pytest.mark.django_db

CLAIMS = Claims(12, "ABCDEFGHJKLM", 3, "R석 <1>", '"1', "R-1-12", 1_924_956_000, 44)
LONGEST = replace(CLAIMS, booking_reference="M" * 36, section="가" * 50, row="나" * 20, seat_label="다" * 50)


def ticket_url(reservation_id):
    return f"/api/v1/reservations/{reservation_id}/ticket/"


def ticket_for(payment):
    return ticket_of_reservation(own_with_schedule(payment.reservation_id, user_id=payment.user_id))


def read_back(png):
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    return found.text


def pem_of(private):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem_of(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


# --- The text ----------------------------------------------------------------------------------


def test_a_ticket_says_what_was_paid():
    payment = make_paid()

    ticket = ticket_for(payment)

    reservation = Reservation.objects.select_related("concert_schedule").get()
    assert read_ticket(ticket.text) == ticket.claims
    assert ticket.claims == Claims(
        reservation=reservation.pk,
        booking_reference=reservation.booking_reference,
        schedule=reservation.concert_schedule_id,
        section="A",
        row="1",
        seat_label="A-1-1",
        concert_at=int(reservation.concert_schedule.concert_at.timestamp()),
        payment=payment.pk,
    )


def test_the_same_seat_has_the_same_ticket_each_time():
    payment = make_paid()

    assert ticket_for(payment).text == ticket_for(payment).text


def test_a_seat_that_is_sold_again_has_another_ticket():
    first, second, sale = make_fan(balance=50_000), make_fan(balance=50_000), make_sale()
    (old,) = buy(first, sale, 0)
    text = ticket_for(old).text
    refunds.cancel(user_id=first.pk, reservation_id=old.reservation_id, now=NOW)
    (new,) = buy(second, sale, 0)

    assert ticket_for(new).text != text


@pytest.mark.parametrize("claims", [CLAIMS, LONGEST])
def test_what_is_signed_is_read(claims):
    assert read_ticket(f" {signed(claims)}\n") == claims


def test_each_altered_character_is_noticed():
    text = signed(CLAIMS)

    for place, character in enumerate(text):
        other = "B" if character != "B" else "C"
        with pytest.raises(Invalid):
            read_ticket(text[:place] + other + text[place + 1 :])


def test_a_payload_under_the_signature_of_another_is_noticed():
    head, _, _ = signed(replace(CLAIMS, seat_label="R-1-1")).rpartition(".")
    _, _, signature = signed(CLAIMS).rpartition(".")

    with pytest.raises(Invalid, match="altered"):
        read_ticket(f"{head}.{signature}")


def test_the_same_signature_spelled_otherwise_is_refused():
    """Base32 leaves three bits of the last character open; two spellings would be two tickets to a list of texts."""
    text = signed(CLAIMS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    twin = alphabet[alphabet.index(text[-1]) ^ 1]

    for spelled in (text[:-1] + twin, text.lower(), text + "=", text.replace(".", "..")):
        with pytest.raises(Invalid):
            read_ticket(spelled)


def test_the_signature_of_another_key_is_refused(settings):
    settings.TICKET_PRIVATE_KEY = pem_of(Ed25519PrivateKey.generate())
    text = signed(CLAIMS)
    assert read_ticket(text) == CLAIMS

    settings.TICKET_PRIVATE_KEY = ""
    with pytest.raises(Invalid, match="Not genuine"):
        read_ticket(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FR1",
        "FR1..",
        "FR1.AAAA.AAAA",
        "FR2.AAAA",
        "FR1.é.ü",
        "FR1.\ud800.A",
        "x" * 5000,
    ],
)
def test_malformed_ticket_text_is_invalid(text):
    with pytest.raises(Invalid):
        read_ticket(text)


# --- The key -----------------------------------------------------------------------------------


def test_another_secret_is_another_key(settings):
    before = keys.public_pem()

    settings.SECRET_KEY += "x"

    assert keys.public_pem() != before


def test_a_key_of_its_own_outlives_the_secret(settings):
    private = Ed25519PrivateKey.generate()
    settings.TICKET_PRIVATE_KEY = pem_of(private)
    text = signed(CLAIMS)

    settings.SECRET_KEY += "x"

    assert keys.public_pem() == public_pem_of(private)
    assert read_ticket(text) == CLAIMS


def test_a_key_of_another_kind_stops_the_start():
    other = pem_of(generate_private_key(SECP256R1()))

    for pem in ("x", other, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(ImproperlyConfigured, match="TICKET_PRIVATE_KEY is not an unencrypted Ed25519 key"):
            Environment(TICKET_PRIVATE_KEY=pem).ed25519("TICKET_PRIVATE_KEY")


def test_a_key_may_stand_in_one_line():
    pem = pem_of(Ed25519PrivateKey.generate())

    assert Environment(TICKET_PRIVATE_KEY=pem.replace("\n", "\\n")).ed25519("TICKET_PRIVATE_KEY") == pem
    assert Environment().ed25519("TICKET_PRIVATE_KEY") == ""


# --- The picture -------------------------------------------------------------------------------


@pytest.mark.parametrize(("claims", "scale"), [(CLAIMS, 6), (LONGEST, 3)])
def test_a_scanner_reads_the_picture_back(claims, scale):
    ticket = Ticket(claims, "", signed(claims))

    assert read_back(ticket.png(scale)) == ticket.text


def test_an_ordinary_ticket_stays_small():
    """Above 57 modules phones at arm's length begin to struggle."""
    with Image.open(io.BytesIO(Ticket(CLAIMS, "", signed(CLAIMS)).png(1))) as picture:
        assert picture.width - 2 * codes.QUIET_ZONE <= 53


def test_the_svg_has_a_title_that_breaks_nothing():
    title = codes.title_of("</title><script>alert(1)</script>\x0b\x00\ufffe\n&", CLAIMS, None)

    svg = ET.fromstring(Ticket(CLAIMS, title, signed(CLAIMS)).svg())

    said = svg.find("{http://www.w3.org/2000/svg}title").text
    assert said.startswith("Ticket: </title><script>alert(1)</script> &, ")
    assert {element.tag.rpartition("}")[2] for element in svg.iter()} == {"svg", "title", "path"}
    assert svg.get("viewBox")


@pytest.mark.parametrize("name", ['</title><b a=\'b" c="d">&amp;', 'Ed Sheeran: "=" Tour', "%41 #1 ?q=+"])
def test_a_page_holds_the_same_picture_whatever_its_title(name):
    ticket = Ticket(CLAIMS, codes.title_of(name, CLAIMS, None), signed(CLAIMS))

    with urlopen(ticket.data_uri()) as answer:
        assert answer.read().decode() == ticket.svg()


# --- The API -----------------------------------------------------------------------------------


def test_a_paid_seat_has_its_ticket_as_svg():
    payment = make_paid()

    response = api_of(payment.user).get(ticket_url(payment.reservation_id))

    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert (response["Cache-Control"], response["Vary"]) == ("private, no-store", "Accept")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in response
    assert response.content.decode() == ticket_for(payment).svg()


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("image/png", "image/png"),
        ("image/svg+xml;q=0.5, image/png", "image/png"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/svg+xml"),
        ("", "image/svg+xml"),
    ],
)
def test_accept_chooses_the_picture(accept, answered):
    payment = make_paid()

    response = api_of(payment.user).get(ticket_url(payment.reservation_id), headers={"accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, answered)
    if answered == "image/png":
        assert read_back(response.content) == ticket_for(payment).text


@pytest.mark.parametrize("accept", ["application/json", "image/png;q=0", "nonsense"])
def test_ticket_with_unacceptable_accept_is_406(accept):
    payment = make_paid()

    response = api_of(payment.user).get(ticket_url(payment.reservation_id), headers={"accept": accept})

    assert (response.status_code, response["Content-Type"]) == (406, "application/json")
    assert [error["code"] for error in response.json()["errors"]] == ["not_acceptable"]


def test_what_is_not_paid_or_not_ones_own_has_no_ticket():
    payment, fan = make_paid(), make_fan()
    (held,) = in_order(hold(fan, make_sale(), 0))
    (given_up,) = in_order(hold(fan, make_sale(), 0))
    refunds.cancel(user_id=fan.pk, reservation_id=given_up, now=NOW)

    for reservation in (held, given_up, payment.reservation_id, 2**60):
        response = api_of(fan).get(ticket_url(reservation), headers={"accept": "image/png"})
        assert (response.status_code, response["Content-Type"]) == (404, "application/json")
        assert [error["code"] for error in response.json()["errors"]] == ["not_found"]


def test_a_refunded_seat_has_none_any_more():
    payment = make_paid()
    refunds.cancel(user_id=payment.user_id, reservation_id=payment.reservation_id, now=NOW)

    assert api_of(payment.user).get(ticket_url(payment.reservation_id)).status_code == 404
    with pytest.raises(NotFound, match="Only a paid seat"):
        ticket_for(payment)


def test_ticket_without_an_account_is_401():
    payment = make_paid()

    response = api_of().get(ticket_url(payment.reservation_id), headers={"accept": "image/png"})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (401, "not_authenticated")


def test_a_ticket_costs_one_query():
    payment = make_paid()
    api = api_of(payment.user)

    with CaptureQueriesContext(connection) as queries:
        api.get(ticket_url(payment.reservation_id))

    assert len(queries) == 1


def test_the_key_is_for_everybody_and_for_caches():
    response = Client().get("/api/v1/tickets/key/", headers={"authorization": "Bearer nonsense"})

    assert response.json() == {
        "version": "FR1",
        "algorithm": "Ed25519",
        "public_key": keys.public_pem(),
    }
    assert response["Cache-Control"] == "public, max-age=300"
    assert "Vary" not in response
    assert not response.cookies


# --- The commands, and the page that tells how to do it oneself ---------------------------------


def check(*words, capsys):
    """Run check_ticket; what it printed, and the error it ended with."""
    try:
        call_command("check_ticket", *words)
    except CommandError as error:
        return capsys.readouterr().out, error
    return capsys.readouterr().out, None


def test_check_ticket_knows_what_is_paid_and_what_was_refunded(capsys):
    payment = make_paid()
    text = ticket_for(payment).text

    said, error = check(text, capsys=capsys)
    assert error is None
    assert said.startswith("Genuine: section A, row 1, seat A-1-1; ")
    assert said.endswith(f"payment {payment.pk}\nValid: the reservation is paid.\n")

    refunds.cancel(user_id=payment.user_id, reservation_id=payment.reservation_id, now=NOW)
    said, error = check(text, capsys=capsys)
    assert said.startswith("Genuine: ")
    assert (str(error), error.returncode) == ("Not valid: its reservation is not paid, or was refunded.", 2)


def test_check_ticket_takes_no_other_payment_for_this_one(capsys):
    payment = make_paid()
    claims = replace(ticket_for(payment).claims, payment=payment.pk + 1)

    assert check(signed(claims), capsys=capsys)[1].returncode == 2


def test_check_ticket_refuses_what_is_forged(capsys):
    said, error = check(signed(CLAIMS)[:-8] + "AAAAAAAA", capsys=capsys)

    assert (said, error.returncode) == ("", 1)
    assert str(error) == "Not genuine: this ticket was altered, or another key signed it."


def test_check_ticket_offline_asks_no_database(capsys, tmp_path, settings):
    call_command("ticket_key")
    pem = tmp_path / "key.pem"
    pem.write_text(capsys.readouterr().out)
    text = signed(CLAIMS)
    settings.SECRET_KEY += "x"

    with CaptureQueriesContext(connection) as queries:
        said, error = check(text, "--offline", f"--key={pem}", capsys=capsys)

    assert (error, len(queries)) == (None, 0)
    assert said.splitlines()[1] == "Whether it was refunded since, or shown before, only the site can tell."


@pytest.mark.parametrize("content", [None, "x", public_pem_of(generate_private_key(SECP256R1())).encode(), b"\xff"])
def test_check_ticket_says_what_is_wrong_with_a_key(content, capsys, tmp_path):
    pem = tmp_path / "key.pem"
    if content is not None:
        pem.write_bytes(content if isinstance(content, bytes) else content.encode())

    _, error = check("FR1.A.A", "--key", str(pem), capsys=capsys)

    assert str(error).startswith(f"--key {pem}")


@pytest.mark.parametrize(
    ("words", "is_without"),
    [
        (["FR1.A.A", "--offline", "--key", "k.pem"], True),
        (["FR1.A.A", "--offline", "--key=k.pem"], True),
        (["FR1.A.A", "--offline"], False),
        (["FR1.A.A", "--key=k.pem"], False),
    ],
)
def test_the_check_at_the_door_needs_no_services_with_a_key_of_its_own(words, is_without):
    assert is_without_services("check_ticket", ["manage.py", "check_ticket", *words]) is is_without


@pytest.mark.processes
def test_the_documentation_checks_a_ticket_in_a_few_lines(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "tickets.md").read_text(), re.DOTALL)
    script, pem = tmp_path / "check.py", tmp_path / "key.pem"
    script.write_text(example)
    pem.write_text(keys.public_pem())

    def run(text):
        command = [sys.executable, "-I", "-W", "ignore", script, text, pem]
        environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert (
        run(signed(CLAIMS)).stdout == f"{[12, 'ABCDEFGHJKLM', 3, 'R석 <1>', chr(34) + '1', 'R-1-12', 1924956000, 44]}\n"
    )
    assert run(signed(CLAIMS)[:-8] + "AAAAAAAA").returncode != 0
    assert len([line for line in example.splitlines() if line.strip()]) <= 16
