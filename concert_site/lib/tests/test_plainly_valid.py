"""Bodies that are good beyond doubt are taken without their serializer: never another way than it would."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from concert_site.lib.api.fields import BIGINT_MAX, Body, Id, Ids, Money, StrictInteger, checks_of, plainly_valid
from concert_site.lib.api.rendering import OrjsonParser, has_plain_names, reject_duplicate_fields
from payments.api.serializers import CancelRequest, PayRequest
from reservations.api.serializers import HoldRequest
from wallet.api.serializers import ChargeRequest

# A busy machine is no finding.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLAIN = (HoldRequest, PayRequest, ChargeRequest)

numbers = st.one_of(
    st.integers(-1, 3),
    st.sampled_from([99, 100, 101, BIGINT_MAX, BIGINT_MAX + 1]),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.none(),
)
values = st.one_of(numbers, st.lists(numbers, max_size=4), st.lists(st.just(1), min_size=99, max_size=102))
bodies = st.one_of(
    values,
    st.dictionaries(st.sampled_from(["schedule", "seats", "reservations", "amount", "more"]), values, max_size=4),
    # Such as are good, or nearly.
    st.fixed_dictionaries({"schedule": st.integers(0, 5), "seats": st.lists(st.integers(0, 5), max_size=5)}),
    st.fixed_dictionaries(
        {"reservations": st.lists(st.integers(0, 5), max_size=5)},
        optional={"pay_with": st.sampled_from(["wallet", "card", "cash", "", "Wallet", 1, None, True])},
    ),
    st.fixed_dictionaries({"amount": st.integers(0, 10_000_000)}),
)


def asked(serializer_class, body):
    """What the serializer itself says; None if it refuses."""
    try:
        return serializer_class().run_validation(body)
    except ValidationError:
        return None


@pytest.mark.parametrize("serializer_class", PLAIN)
@unhurried
@given(body=bodies)
def test_what_the_serializer_takes_is_taken_alike_and_nothing_else(serializer_class, body):
    """Taken, or each request would pay for both; with its fields in the same order."""
    found, wanted = plainly_valid(serializer_class, body), asked(serializer_class, body)

    assert found == wanted
    assert list(found or ()) == list(wanted or ())


class Checked(Body):
    id = Id()

    def validate_id(self, value):
        raise ValidationError("never")


class Optional(Body):
    ids = Ids(required=False)


class Nullable(Body):
    amount = Money(allow_null=True)


class Renamed(Body):
    number = StrictInteger(source="other")


class Further(HoldRequest):
    pass


@pytest.mark.parametrize("serializer_class", [Checked, Optional, Nullable, Renamed, Further, CancelRequest])
def test_a_serializer_that_checks_more_is_always_asked(serializer_class):
    assert checks_of(serializer_class)[0] == {}
    assert plainly_valid(serializer_class, {"id": 1}) is None


names = st.sampled_from(["a", "b", '"', "\\u0061", "a\\u0022"])
pairs = st.lists(st.tuples(names, st.sampled_from(["1", "[1, 2]", '"x"', '{"a": 1}', '"a\\"b"'])), max_size=4)


@unhurried
@given(pairs=pairs)
def test_no_name_that_is_there_twice_passes_for_a_plain_one(pairs):
    written = (f'"{name if name != chr(34) else chr(92) + chr(34)}": {value}' for name, value in pairs)
    body = "{" + ", ".join(written) + "}"
    if has_plain_names(json.loads(body), body.encode()):
        json.loads(body, object_pairs_hook=reject_duplicate_fields)


def test_a_name_that_is_there_twice_is_found():
    class Stream:
        def read(self, _size):
            return b'{"a": 1, "a": 2}'

    with pytest.raises(ValidationError):
        OrjsonParser().parse(Stream())
