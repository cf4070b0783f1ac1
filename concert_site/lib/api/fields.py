"""Bodies that take no guesses: a JSON number is a number and text is not, and a field that nobody knows is refused."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

BIGINT_MAX = 2**63 - 1


# Of a body that is all unknown fields the answer names a few.
MOST_NAMED = 20
UNKNOWN = _("There is no such field.")


class StrictInteger(serializers.IntegerField):
    """A JSON integer within bounds. DRF's own field also takes "12", 12.0 and true."""

    default_error_messages = {"invalid": _("Send a whole number, without quotes.")}

    def __init__(self, *, min_value: int = 1, max_value: int = BIGINT_MAX, **options: Any) -> None:
        # Any: DRF's options of every type
        super().__init__(min_value=min_value, max_value=max_value, **options)

    def to_internal_value(self, data: object) -> int:
        """The number.

        :raises ValidationError: if it is anything else; true and false are numbers to Python alone
        """
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class StrictBoolean(serializers.BooleanField):
    """A JSON true or false. DRF's own field also takes "yes", 1 and null's words."""

    default_error_messages = {"invalid": _("Send true or false, without quotes.")}

    def to_internal_value(self, data: object) -> bool:
        """The value.

        :raises ValidationError: if it is anything else
        """
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Id(StrictInteger):
    """The id of a row."""


class Ids(serializers.ListField):
    """Ids, each once: who takes the list refuses one that is there twice, and says which (lib.id_lists)."""

    def __init__(self, **options: Any) -> None:  # Any: DRF's options of every type
        super().__init__(child=Id(), **options)


class Money(StrictInteger):
    """An amount in the currency's minor unit; give `max_value` where a rule bounds it."""


class Body(serializers.Serializer[Any]):  # Any: what it describes is a body, and no object of ours
    """What every body of the API is made of, at any depth: fields that it doesn't know are refused by name.

    Ignored, a misspelt `agreed_fee` would be a cancellation at any price. SHAPE is what the description says beyond the
    fields, as JSON Schema.
    """

    SHAPE: ClassVar[Mapping[str, Any]] = {}  # Any: JSON Schema

    def to_internal_value(self, data: object) -> Any:  # Any: DRF's signature
        """The content.

        :raises ValidationError: naming each field at fault, those that are unknown included
        """
        unknown = data.keys() - self.fields.keys() if isinstance(data, Mapping) else ()
        if not unknown:
            return super().to_internal_value(data)
        named = sorted(map(str, unknown))[:MOST_NAMED]
        refused = {name: [ErrorDetail(str(UNKNOWN), "unknown_field")] for name in named}
        try:
            super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError(error.detail | refused) from error  # type: ignore[operator]  # a dict by field
        raise ValidationError(refused)


class NoFields(Body):
    """The body of a request that takes none."""


@cache
def shared(serializer_class: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One instance of an input serializer: it keeps nothing of what it checks."""
    return serializer_class()


def validated(serializer_class: type[serializers.Serializer[Any]], body: object) -> dict[str, Any]:
    """The valid content of a body (Any: each field of its own type).

    What `is_valid` and `validated_data` do, without copying every field for each request. What is good beyond doubt
    is not even shown to the serializer.

    :raises ValidationError: naming each field at fault
    """
    content = plainly_valid(serializer_class, body)
    if content is None:
        content = shared(serializer_class).run_validation(body)
    return content


Check = Callable[[object], bool]


def plainly_valid(serializer_class: type[serializers.Serializer[Any]], body: object) -> dict[str, Any] | None:
    """What the serializer would make of a body that has what is demanded and nothing unknown, all good; None if it must
    be asked.
    """
    checks, demanded = checks_of(serializer_class)
    if not checks or type(body) is not dict or not demanded <= body.keys() <= checks.keys():
        return None
    # In the order of the fields, as a serializer has it.
    content = {name: body[name] for name in checks if name in body}
    return content if all(checks[name](value) for name, value in content.items()) else None


@cache
def checks_of(serializer_class: type[serializers.Serializer[Any]]) -> tuple[dict[str, Check], frozenset[str]]:
    """A check of each field, if all are demanded numbers and lists of ids, or words that may be left out, and nothing
    else is checked; and which are demanded.
    """
    fields = shared(serializer_class).fields
    checks = {name: check_of(field) for name, field in fields.items()}
    is_plain = serializer_class.__bases__ == (Body,) and not any(
        name.startswith("validate") for name in vars(serializer_class)
    )
    if not is_plain or not all(checks.values()):
        return {}, frozenset()
    demanded = frozenset(name for name, field in fields.items() if field.required)
    return {name: check for name, check in checks.items() if check}, demanded


def check_of(field: serializers.Field[Any, Any, Any, Any]) -> Check | None:
    """What a field demands of its value; None if that can't be said in short."""
    if field.allow_null or field.source != field.field_name or field.default is not serializers.empty:
        return None
    if type(field) is serializers.ChoiceField and not field.required:
        words = frozenset(field.choices)
        return lambda value: type(value) is str and value in words
    if not field.required:
        return None
    if type(field) in (Id, Money, StrictInteger) and len(field.validators) == len(("least", "most")):
        return number_check(field)
    if type(field) is Ids and len(field.child.validators) == len(("least", "most")):
        return ids_check(number_check(field.child), field)
    return None


def number_check(field: Any) -> Check:  # Any: StrictInteger, whose bounds are not in DRF's stubs
    """Whether something is a number within bounds; true and false are of another type."""
    least, most = field.min_value, field.max_value
    return lambda value: type(value) is int and least <= value <= most


def ids_check(check: Check, field: Ids) -> Check:
    """Whether something is a list of such numbers, and not too long or short."""
    least = max(field.min_length or 0, 0 if field.allow_empty else 1)
    most = BIGINT_MAX if field.max_length is None else field.max_length
    return lambda value: type(value) is list and least <= len(value) <= most and all(map(check, value))


def require_no_fields(request: Request) -> None:
    """Refuse fields in the JSON body of a request that takes none. A body of any other kind is not looked at.

    :raises ValidationError: naming each of them
    :raises ParseError: if it isn't JSON
    """
    length = request.META.get("CONTENT_LENGTH")
    if length and length != "0" and request.content_type.startswith("application/json"):
        validated(NoFields, request.data)
