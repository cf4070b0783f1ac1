"""What makes two requests the same."""

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import ValidationError

from concert_site.lib.api.idempotency import key_of
from concert_site.lib.idempotency import request_hash


def test_the_hash_is_sha256_of_canonical_json():
    # printf '{"amount":1}' | sha256sum
    assert request_hash({"amount": 1}) == "c2b11e657e12fd177359627ca89412018e2274d0873cfbfcf1fc50f685582e9e"


def test_the_order_of_fields_makes_no_difference():
    assert request_hash({"a": 1, "b": {"c": 2, "d": 3}}) == request_hash({"b": {"d": 3, "c": 2}, "a": 1})


def test_another_value_is_another_request():
    hashes = {request_hash(body) for body in ({"a": 1}, {"a": 2}, {"a": "1"}, {"a": [1]}, {"b": 1}, {})}

    assert len(hashes) == 6


@pytest.mark.parametrize(("headers", "key"), [({}, None), ({"Idempotency-Key": "x y"}, "x y")])
def test_a_key_that_is_not_demanded_may_be_absent(headers, key):
    assert key_of(RequestFactory().post("/", headers=headers), required=False) == key


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\nb", "a\0b", "\x7f"])
def test_a_key_that_is_not_demanded_must_make_sense_all_the_same(key):
    with pytest.raises(ValidationError) as refused:
        key_of(RequestFactory().post("/", headers={"Idempotency-Key": key}), required=False)

    assert list(refused.value.detail) == ["Idempotency-Key"]


def test_a_key_that_is_demanded_and_absent_is_refused():
    with pytest.raises(ValidationError) as refused:
        key_of(RequestFactory().post("/"), required=True)

    assert refused.value.get_codes() == {"Idempotency-Key": ["required"]}
