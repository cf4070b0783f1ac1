"""Amounts of money as people type them into forms."""

import re
import unicodedata

from babel.numbers import get_currency_precision
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from concert_site.lib.formats import major, money

LONGEST = 30
# 100000, 100,000 or 100 000, each with as many decimals as the currency has at most.
TYPED = re.compile(r"(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+)(?:\.(?P<part>[0-9]+))?")


def amount_from(text: str) -> int | None:
    """The amount in minor units that somebody has typed; None if it can't be told for certain.

    The wide digits and commas of Korean and Japanese keyboards, and spaces that don't break, count as the plain ones.
    """
    typed = unicodedata.normalize("NFKC", text[:LONGEST]).strip()
    found = TYPED.fullmatch(typed)
    digits = get_currency_precision(settings.CURRENCY)
    part = (found["part"] or "") if found else ""
    if len(text) > LONGEST or found is None or len(part) > digits:
        return None
    return int(re.sub("[, ]", "", found["whole"]) + part.ljust(digits, "0"))


class TypedAmountField(forms.CharField):
    """A text field that takes an amount in the currency's major unit, and gives it in its minor unit."""

    def __init__(self, *, least: int, most: int) -> None:
        """
        :param least, most: the bounds, in minor units
        """
        # Phones show digits; those of a currency with decimals a point as well.
        mode = "decimal" if get_currency_precision(settings.CURRENCY) else "numeric"
        super().__init__(widget=forms.TextInput({"inputmode": mode, "autocomplete": "off"}))
        self.least, self.most = least, most

    def clean(self, value: object) -> int:
        """The amount.

        :raises ValidationError: if it can't be told, or is out of bounds
        """
        amount = amount_from(str(value or ""))
        if amount is None:
            example = {"example": major(50_000)}
            raise ValidationError(_("Enter an amount in digits, for example %(example)s."), params=example)
        if not self.least <= amount <= self.most:
            bounds = {"least": money(self.least), "most": money(self.most)}
            raise ValidationError(_("Enter an amount between %(least)s and %(most)s."), params=bounds)
        return amount
