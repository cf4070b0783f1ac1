"""The API's description: whole, without a warning, and shown without help from elsewhere."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from concert_site.tests.operations import operations
from concert_site.views.api_docs import schema


def test_schema_is_valid_and_nothing_warns(tmp_path):
    call_command("spectacular", file=str(tmp_path / "schema.yml"), validate=True, fail_on_warn=True)


def test_schema_is_served_as_json_and_yaml():
    as_json = Client().get("/api/v1/schema/", headers={"accept": "application/vnd.oai.openapi+json"})
    as_yaml = Client().get("/api/v1/schema/")

    assert as_json.json()["openapi"].startswith("3.1.")
    assert as_yaml["Content-Type"].startswith("application/vnd.oai.openapi")
    assert "Cookie" not in as_json.get("Vary", "")


def test_schema_is_the_same_in_every_language():
    in_korean = Client().get("/api/v1/schema/", headers={"accept-language": "ko"})

    assert in_korean.content == Client().get("/api/v1/schema/", headers={"accept-language": "en"}).content
    assert not re.search("[가-힣]", in_korean.content.decode())


def test_schema_says_how_to_log_in():
    schemes = schema()["components"]["securitySchemes"]

    assert (schemes["accessToken"]["type"], schemes["accessToken"]["scheme"]) == ("http", "bearer")
    assert {"accessToken": []} in schema()["paths"]["/api/v1/wallet/"]["get"]["security"]


def test_schema_names_every_sale_state():
    states = schema()["components"]["schemas"]["SaleStateEnum"]["enum"]

    assert states == ["UPCOMING", "LOBBY", "OPEN", "SOLD_OUT", "CLOSED"]


def test_every_id_in_an_address_is_a_bigint():
    for template, methods in schema()["paths"].items():
        for operation in (methods[name] for name in methods):
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "id" and parameter["in"] == "path":
                    assert parameter["schema"].get("format") == "int64", template


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/concerts/",
        "/api/v1/concerts/1/",
        "/api/v1/schedules/1/",
        "/api/v1/schedules/1/seats/",
        "/api/v1/schedules/1/availability/",
        "/api/v1/schedules/1/availability/since/0000000000000000/",
    ],
)
def test_public_reads_ask_for_no_account(path):
    assert ("get", path, False) in list(operations(is_public=True))


def test_docs_page_needs_nobody_else():
    page = Client().get("/api/v1/docs/")

    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(loaded) >= 3
    # The script that starts it is the page's own, the rest are files of ours.
    files = [address for address in loaded if not address.startswith("/api/v1/docs/?")]
    assert len(files) == len(loaded) - 1
    assert all(address.startswith("/static/") for address in files)
    for address in files:
        assert finders.find(address.removeprefix("/static/").partition("?")[0]), address


# Closing a response looks at the connection that an earlier test may have opened.
@pytest.mark.django_db
def test_assets_of_the_docs_page_are_served():
    page = Client().get("/api/v1/docs/").content.decode()

    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        response = Client().get(address)
        assert (address, response.status_code) == (address, 200)
        response.close()


def test_an_operation_says_what_the_rules_refuse():
    answers = schema()["paths"]["/api/v1/payments/"]["post"]["responses"]

    assert answers["402"]["description"] == "`insufficient_balance`"
    assert answers["503"]["description"] == "`unavailable`"


def test_blank_text_fits_one_shape_alone():
    (search,) = [
        each for each in schema()["paths"]["/api/v1/concerts/"]["get"]["parameters"] if each["name"] == "search"
    ]

    assert search["schema"] == {"type": "string", "pattern": r"^[^\u0000]*$", "maxLength": 100}
