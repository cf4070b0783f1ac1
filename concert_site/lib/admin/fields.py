"""Form fields in the admin's look: Django's own by the same names, and two of ours."""

from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.conf import settings
from django.core.validators import DecimalValidator
from django.utils.translation import gettext_lazy as _
from unfold import widgets

from concert_site.lib.formats import in_major, money
from concert_site.lib.reasons import LONGEST_REASON

MOST_DIGITS = 16
# No ticket, refund or correction is as much (minor units): ten thousand million won, a hundred million dollars.
LARGEST_TYPED = 10**10


class CharField(forms.CharField):
    widget = widgets.UnfoldAdminTextInputWidget


class TextField(forms.CharField):
    """Text of several lines."""

    def __init__(self, *, rows: int, placeholder: str = "", **options: Any) -> None:  # Any: Django's of every type
        attrs = {"rows": rows} | ({"placeholder": placeholder} if placeholder else {})
        super().__init__(widget=widgets.UnfoldAdminTextareaWidget(attrs=attrs), **options)


class EmailField(forms.EmailField):
    widget = widgets.UnfoldAdminEmailInputWidget


class IntegerField(forms.IntegerField):
    widget = widgets.UnfoldAdminIntegerFieldWidget


class ChoiceField(forms.ChoiceField):
    widget = widgets.UnfoldAdminSelectWidget


class SplitDateTimeField(forms.SplitDateTimeField):
    widget = widgets.UnfoldAdminSplitDateTimeWidget


class MoneyField(forms.DecimalField):
    """An amount as people write it, in the currency's major unit; its clean value is an int in minor units.

    :param most: what is above, or as far below 0, is a slip of the keyboard (minor units)
    """

    def __init__(self, *, most: int = LARGEST_TYPED, **options: Any) -> None:  # Any: Django's options of every type
        self.most = most
        widget = widgets.UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "inputmode": "decimal"})
        super().__init__(**{"widget": widget} | options)

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # the stubs say int, of its parent
        """The amount in major units.

        :raises ValidationError: if it has more digits than a wallet can hold, or than the currency has
        """
        amount: Decimal | None = super().to_python(value)
        if amount is not None and amount.is_finite():
            # Before anything is counted with: 1e999999999 is a short text and an endless number.
            DecimalValidator(MOST_DIGITS, get_currency_precision(settings.CURRENCY))(amount)
        return amount

    def clean(self, value: object) -> int | None:
        """The amount in minor units; None if the field may be left empty and is."""
        amount: Decimal | None = super().clean(value)
        if amount is None:
            return None
        minor = int(amount.scaleb(get_currency_precision(settings.CURRENCY)))
        if abs(minor) > self.most:
            raise forms.ValidationError(_("Amounts go up to %(most)s.") % {"most": money(self.most)})
        return minor

    def prepare_value(self, value: object) -> object:
        """What stands in the box: an amount of ours (an int, in minor units) as people write it."""
        return in_major(value) if isinstance(value, int) else value


class ReasonField(CharField):
    """One line that says why; it stands in the ledger and in the log."""

    def __init__(self, **options: Any) -> None:  # Any: as above
        defaults: dict[str, Any] = {"label": _("Reason"), "max_length": LONGEST_REASON}
        super().__init__(**defaults | options)
