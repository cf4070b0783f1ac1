"""Whether a file says of a seat that it isn't for sale: each editor has a word of its own for it."""

from reservations.halls.values import Json, text_of

# Texts of these keys are compared with the words below.
STATUS_KEYS = ("status", "state", "availability")
FREE = {"", "available", "free", "open", "salable", "saleable", "active", "enabled", "normal", "on_sale", "for_sale"}
OFF = {
    "unavailable", "blocked", "block", "sold", "sold_out", "reserved", "booked", "occupied", "taken", "held", "hold",
    "on_hold", "killed", "kill", "disabled", "inactive", "closed", "not_for_sale", "off_sale", "unsalable", "hidden",
    "removed",
}  # fmt: skip
# What is off sale where one of these is true, or one of those false.
OFF_IF_TRUE = ("blocked", "is_blocked", "disabled", "is_disabled", "unavailable", "sold", "reserved")
OFF_IF_FALSE = ("salable", "is_salable", "available", "is_available", "bookable", "enabled", "for_sale")


def off_sale_word(raw: Json) -> str:
    """What a seat of the file has that takes it off sale, as "status 'sold'"; blank if nothing does."""
    for key in STATUS_KEYS:
        if as_word(raw.get(key)) in OFF:
            return f"{key} '{text_of(raw[key])}'"
    for wanted, keys in ((True, OFF_IF_TRUE), (False, OFF_IF_FALSE)):
        if found := next((key for key in keys if raw.get(key) is wanted), ""):
            return f"{found}: {str(wanted).lower()}"
    return ""


def unknown_status(raw: Json) -> str:
    """A status of a seat that is none of the words we know, as "status 'vip'"; blank if there is none."""
    for key in STATUS_KEYS:
        value = raw.get(key)
        if value is not None and not isinstance(value, bool) and as_word(value) not in FREE | OFF:
            return f"{key} '{text_of(value) or '…'}'"
    return ""


def as_word(raw: object) -> str:
    return "_".join(text_of(raw).lower().replace("-", " ").replace("_", " ").split())
