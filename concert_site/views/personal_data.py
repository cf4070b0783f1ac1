"""Pages of the account on which a person gets their own data, and closes the account."""

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from concert_site.accounts.address_codes import has_just_logged_in, is_own_password
from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict
from concert_site.lib.web.pages import fan_id, private_page, resumes_at, throttled
from concert_site.operations.personal_data import closing, erasing
from concert_site.operations.personal_data.exporting import export


class ClosingForm(forms.Form):
    """That it is meant, and by whom; who has no password has logged in a moment ago."""

    is_sure = forms.BooleanField(
        label=_("Yes, close my account for good."),
        error_messages={"required": _("Tick the box if you want to close the account.")},
    )
    password = forms.CharField(
        label=_("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )

    def __init__(self, request: HttpRequest, user: User) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        self.request, self.user = request, user
        if not user.has_usable_password():
            del self.fields["password"]

    def point_at_fault(self) -> None:
        """Have the first field that is wrong get the focus: on a phone it is below what is read first."""
        wrong = next((field for field in self if field.errors), None)
        if wrong:
            wrong.field.widget.attrs["autofocus"] = True

    def clean_password(self) -> str:
        """
        :raises ValidationError: if it is not the account's
        :raises TooManyAttempts: if it was guessed too often
        """
        password = str(self.cleaned_data["password"])
        if not is_own_password(self.request, self.user, password):
            raise forms.ValidationError(_("That’s not your password."))
        return password


@private_page
def personal_data(request: HttpRequest) -> HttpResponse:
    """What there is of the account, and the ways to get it and to end it."""
    return render(request, "account/personal_data.html")


@private_page
@resumes_at(lambda _request: reverse("personal_data"))
@throttled("write")
def export_personal_data(request: HttpRequest) -> HttpResponse:
    """The file; who only reads this address is led to the page that has its button."""
    if request.method != "POST":
        return redirect("personal_data")
    content = export(fan_id(request))
    disposition = {"Content-Disposition": 'attachment; filename="personal-data.zip"'}
    return HttpResponse(content, content_type="application/zip", headers=disposition)


@private_page
@throttled("write")
def close_account(request: HttpRequest) -> HttpResponse:
    """Say what goes, what stays and why, or what is in the way; a form closes the account."""
    user = User.objects.get(pk=fan_id(request))
    in_the_way = erasing.obstacles(user.pk)
    must_log_in = not user.has_usable_password() and not has_just_logged_in(request, user)
    form = ClosingForm(request, user)
    if request.method == "POST" and not in_the_way and not must_log_in and form.is_valid():
        try:
            closing.close(user)
        except Conflict as error:
            # A booking or a top-up was quicker than the form.
            messages.error(request, str(error.detail))
            return redirect("close_account")
        logout(request)
        return redirect("account_closed")
    form.point_at_fault()
    facts = {"form": form, "obstacles": in_the_way, "must_log_in": must_log_in}
    return render(request, "account/close.html", facts)


@never_cache
def account_closed(request: HttpRequest) -> HttpResponse:
    """A farewell, where it is seen; who has an account is led to it."""
    return redirect("profile") if request.user.is_authenticated else render(request, "account/closed.html")
